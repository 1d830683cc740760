//! A large base of generated texts that look official, for measuring speed. Nothing in it is real,
//! and every text says so.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::kb::{
    Published, SourceFile, Unreadable, Version, VersionId, head_end, passages, read, read_head,
};

const PLACES: [&str; 12] = [
    "东湖", "西岭", "南屏", "北原", "清河", "白石", "长桥", "青岚", "云溪", "古城", "新港", "平川",
];
const MATTERS: [&str; 24] = [
    "人才公寓",
    "燃气改造",
    "屋顶光伏",
    "老旧管网",
    "公共自行车",
    "社区养老",
    "中小学午餐",
    "农机购置",
    "污水处理",
    "历史建筑",
    "数据开放",
    "算力调度",
    "仓储物流",
    "绿色建材",
    "早教托育",
    "慢病随访",
    "河道保洁",
    "林地流转",
    "文化场馆",
    "夜间经济",
    "工业节水",
    "质量认证",
    "电子证照",
    "应急物资",
];
const SECTIONS: [&str; 8] = [
    "受理条件",
    "补贴标准",
    "申请材料",
    "办理流程",
    "办理时限",
    "收费标准",
    "申请期限",
    "咨询电话",
];

/// One generated file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GeneratedFile {
    /// Its name.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// Files of about `passages` passages, and questions about them; the same seed gives the same.
pub fn generated(
    seed: u64,
    passages: usize,
    questions: usize,
) -> (Vec<GeneratedFile>, Vec<String>) {
    let mut state = seed;
    let documents = passages.div_ceil(SECTIONS.len() * 2);
    let files = (0..documents).map(|at| file(at, &mut state)).collect();
    let asked = (0..questions)
        .map(|_| {
            let at = pick(&mut state, documents.max(1));
            let (place, matter, project) = names(at);
            let section = SECTIONS
                .get(pick(&mut state, SECTIONS.len()))
                .unwrap_or(&"");
            format!("{place}市{matter}{project}的{section}是什么，最多多少元？")
        })
        .collect();
    (files, asked)
}

/// Reads generated files as a published base, without a library: in force, one version each.
pub fn published(files: &[GeneratedFile]) -> Result<Published, Unreadable> {
    let versions = files.iter().map(|file| {
        let extract = read(&file.name, file.text.as_bytes())?;
        let head = read_head(&extract);
        let cut = passages(&extract.text, &extract.blocks, head_end(&extract));
        let sha256 = hex::encode(Sha256::digest(extract.text.as_bytes()));
        Ok(Arc::new(Version {
            id: VersionId {
                document: file.name.trim_end_matches(".md").to_owned(),
                number: 1,
            },
            head,
            file: SourceFile {
                name: file.name.clone(),
                format: extract.format,
                bytes: file.text.len() as u64,
                sha256: sha256.clone(),
            },
            text: extract.text.as_str().into(),
            text_sha256: sha256,
            repairs: Vec::new(),
            blocks: extract.blocks,
            passages: cut,
            replaces_from: None,
            replaced_from: None,
            corrected_by: None,
            findings: Vec::new(),
            published_ms: 0,
        }))
    });
    let versions = versions.collect::<Result<Vec<_>, Unreadable>>()?;
    let digests: String = versions.iter().map(|v| v.text_sha256.as_str()).collect();
    Ok(Published {
        base: "generated".to_owned(),
        versions,
        digest: hex::encode(Sha256::digest(digests)),
        ..Published::default()
    })
}

/// Place, matter and project of a document.
fn names(at: usize) -> (&'static str, &'static str, String) {
    let place = PLACES.get(at % PLACES.len()).copied().unwrap_or("");
    let matter = MATTERS
        .get(at / PLACES.len() % MATTERS.len())
        .copied()
        .unwrap_or("");
    let project = at / (PLACES.len() * MATTERS.len());
    (place, matter, format!("第{}类项目", project + 1))
}

fn file(at: usize, state: &mut u64) -> GeneratedFile {
    let (place, matter, project) = names(at);
    let mut text = format!(
        "---\n标题: {place}市{matter}{project}管理办法（生成的测试文本）\n发布机构: {place}市测试局\n\
         适用地区: {place}市\n状态: 现行\n生效日期: 2025-01-01\n---\n\n# {place}市{matter}{project}管理办法\n"
    );
    for chapter in ["一般项目", "重点项目"] {
        for section in SECTIONS {
            let line = format!("\n## {section}（{chapter}）\n\n");
            text.push_str(&line);
            for number in 1..=4 {
                let (sum, days) = (pick(state, 900) + 100, pick(state, 55) + 5);
                let other = MATTERS
                    .get(pick(state, MATTERS.len()))
                    .copied()
                    .unwrap_or("");
                let line = format!(
                    "{number}. {matter}{chapter}的{section}第{number}项，与{other}工作衔接，每户每年不超过{sum}元，\
                     自受理之日起{days}个工作日内办结。\n"
                );
                text.push_str(&line);
            }
        }
    }
    GeneratedFile {
        name: format!("generated-{at:05}.md"),
        text,
    }
}

/// A number below `most` (SplitMix64).
fn pick(state: &mut u64, most: usize) -> usize {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31)) as usize % most.max(1)
}

#[cfg(test)]
mod tests {
    use super::{generated, published};

    #[test]
    fn the_same_seed_gives_the_same_base() {
        let (files, questions) = generated(7, 64, 3);
        assert_eq!((files.len(), questions.len()), (4, 3));
        assert_eq!(generated(7, 64, 3), (files.clone(), questions));
        let base = published(&files);
        let count: Option<usize> = base
            .ok()
            .map(|base| base.versions.iter().map(|v| v.passages.len()).sum());
        assert!(
            count.is_some_and(|count| (60..=90).contains(&count)),
            "{count:?}"
        );
        assert!(
            files
                .iter()
                .all(|file| file.text.contains("生成的测试文本"))
        );
    }
}
