//! A large base of generated texts that look official, for measuring speed. Nothing in it is real,
//! and every text says so.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::kb::{
    Published, SourceFile, Unreadable, Version, VersionId, head_end, passages, read, read_head,
};

/// Words of a list are parted by blanks.
const PLACES: &str = "东湖 西岭 南屏 北原 清河 白石 长桥 青岚 云溪 古城 新港 平川";
const MATTERS: &str = "人才公寓 燃气改造 屋顶光伏 老旧管网 公共自行车 社区养老 中小学午餐 农机购置 污水处理 历史建筑 数据开放 \
     算力调度 仓储物流 绿色建材 早教托育 慢病随访 河道保洁 林地流转 文化场馆 夜间经济 工业节水 质量认证 电子证照 应急物资";
const PROJECTS: &str = "示范街区 青年驿站 惠民菜篮 智慧路灯 便民书屋 老年助浴 校园体检 渔港改建 茶园轮作 古树看护 雨水花园 \
     共享厨房 银发课堂 货车驿站 冷链仓库 节能锅炉 无障碍坡道 口袋公园 乡村民宿 创意工坊 护河巡查 垃圾分拣 防汛演练 阳光灶台 \
     乡土教材 旧衣回收 盲道修补 家庭医生 蔬菜大棚 山路护栏 社区食堂 电梯体检";
const MATTERS_OF_NO_TEXT: &str = "风筝放飞许可 海钓执照 陨石收藏登记 热气球驾照 赛鸽足环";
const WHO: &str = "申请人 用人单位 经办机构 承租家庭 街道办事处 项目业主 施工企业 联合体成员 村民委员会 物业公司 监护人 合作社 \
     第三方机构 受托银行 牵头单位 评审小组 运营主体 登记窗口 受益居民 个体工商户";
const WHEN: &str = "首次申报的 复核期间 公示期满后 材料补正前 合同签订之日起 遇节假日顺延时 年度考核合格的 停业超过半年的 \
     变更地址的 采用联合申报的 位于老城区的 连续两年达标的 享受过同类支持的 委托他人代办的 由网上提交的 经现场核验的";
const DEEDS: &str =
    "提交 核对 公示 归档 补正 缴纳 退还 评定 抽查 备案 拨付 移交 续签 登记 说明 留存";
const THINGS: &str = "身份证明原件 营业执照副本 租赁合同 资金使用台账 竣工验收报告 现场照片 完税凭证 检测结论 收支明细 用地批复 \
     设备购置发票 安全承诺书 社保缴费记录 户口簿复印件 项目实施方案 专家评审意见 绩效自评表 保险单据 节能审查意见 公章备案回执 \
     银行流水 履约保函 监理日志 培训签到册 环境影响登记表 产权证书 委托书 居住登记 结题报告 验收清单";
const SECTIONS: &str = "受理条件 补贴标准 申请材料 办理流程 办理时限 收费标准 申请期限 咨询电话";
/// Passages of a text: each section stands in two chapters.
const PASSAGES: usize = 16;

/// One generated file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GeneratedFile {
    /// Its name.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// Files of about `passages` passages, and questions about them; the same seed gives the same.
///
/// Sentences are drawn from fifteen patterns and lists of words. Of ten questions eight name a
/// place, a matter and a project that some text is about, one has a typing error besides, and one
/// asks for what no text has.
pub fn generated(
    seed: u64,
    passages: usize,
    questions: usize,
) -> (Vec<GeneratedFile>, Vec<String>) {
    let mut state = seed;
    let documents = passages.div_ceil(PASSAGES);
    let files = (0..documents).map(|at| file(at, &mut state)).collect();
    let asked = (0..questions)
        .map(|number| question(number, documents, &mut state))
        .collect();
    (files, asked)
}

fn question(number: usize, documents: usize, state: &mut u64) -> String {
    let (place, matter, project) = names(pick(state, documents.max(1)));
    let section = any(SECTIONS, state);
    if number % 10 == 9 {
        let unknown = any(MATTERS_OF_NO_TEXT, state);
        return format!("{place}市{unknown}的{section}是什么？");
    }
    let asked = match pick(state, 4) {
        0 => format!("{place}市{matter}{project}的{section}是什么？"),
        1 => format!("在{place}市申请{matter}{project}，要带哪些材料，最多补多少元"),
        2 => format!("{place}{project}（{matter}）几个工作日办结"),
        _ => format!("请问{place}市的{matter}{project}怎么收费？"),
    };
    if number % 10 != 8 {
        return asked;
    }
    // As somebody types who chooses the wrong character of one sound.
    let wrong = [
        ("市", "是"),
        ("社", "设"),
        ("公", "工"),
        ("园", "圆"),
        ("水", "睡"),
    ];
    let found = wrong.iter().find(|(right, _)| project.contains(right));
    let (right, wrong) = found.copied().unwrap_or(("工作日", "公作日"));
    asked.replace(right, wrong)
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
    let (place, rest) = nth(PLACES, at);
    let (matter, rest) = nth(MATTERS, rest);
    let (project, round) = nth(PROJECTS, rest);
    let number = if round == 0 {
        String::new()
    } else {
        format!("{}期", round + 1)
    };
    (place, matter, format!("{project}{number}"))
}

fn file(at: usize, state: &mut u64) -> GeneratedFile {
    let (place, matter, project) = names(at);
    let title = format!("{place}市{matter}{project}管理办法");
    let mut text = format!(
        "---\n标题: {title}（生成的测试文本）\n发布机构: {place}市测试局\n\
         适用地区: {place}市\n状态: 现行\n生效日期: 2025-01-01\n---\n\n# {title}\n"
    );
    for chapter in ["一般项目", "重点项目"] {
        for section in SECTIONS.split_whitespace() {
            let heading = format!("\n## {section}（{chapter}）\n\n");
            text.push_str(&heading);
            for number in 1..=4 {
                let line = sentence(matter, &project, section, state);
                let line = format!("{number}. {line}\n");
                text.push_str(&line);
            }
        }
    }
    GeneratedFile {
        name: format!("generated-{at:05}.md"),
        text,
    }
}

/// One sentence of a section.
fn sentence(matter: &str, project: &str, section: &str, state: &mut u64) -> String {
    let (who, when) = (any(WHO, state), any(WHEN, state));
    let (other, deed) = (any(WHO, state), any(DEEDS, state));
    let (thing, second) = (any(THINGS, state), any(THINGS, state));
    let (sum, days, share) = (
        pick(state, 900) + 100,
        pick(state, 55) + 5,
        pick(state, 80) + 10,
    );
    match (section, pick(state, 3)) {
        ("补贴标准", 0) => {
            format!("{when}{project}按实际支出的{share}%补贴，每户每年不超过{sum}元。")
        }
        ("补贴标准", _) => {
            format!("{who}{deed}{thing}并经{other}确认的，{matter}补贴{sum}元，{days}日内拨付。")
        }
        ("申请材料", 0) => format!(
            "{who}应当提供{thing}、{second}各{}份，由{other}{deed}。",
            share % 4 + 1
        ),
        ("申请材料", _) => format!("{when}{who}，除{thing}外还须{deed}{second}。"),
        ("办理时限", 0) => format!("{when}自{who}{deed}{thing}之日起{days}个工作日内办结。"),
        ("办理时限", _) => format!("{other}收到{second}后{days}个工作日内答复{who}。"),
        ("收费标准", 0) => format!("{matter}不收取登记费，{who}需要{thing}的，每份{sum}元。"),
        ("收费标准", _) => format!("{when}{who}按每平方米{share}元缴纳，{other}出具{thing}。"),
        ("申请期限", _) => format!(
            "{when}{who}应当在{}月{}日前{deed}{thing}，逾期由{other}退回。",
            share % 12 + 1,
            days % 28 + 1
        ),
        ("咨询电话", _) => {
            format!("{who}咨询{thing}，请拨打0{days}0-{sum}{days}{share}，{other}工作日接听。")
        }
        ("受理条件", 0) => format!(
            "{who}在本市经营{matter}满{}年，且{when}{second}齐全。",
            share % 9 + 1
        ),
        ("受理条件", _) => format!("{when}{who}，凭{thing}可以参加{project}，名额{sum}个。"),
        (_, 0) => format!("{who}向{other}{deed}{thing}，领取{second}。"),
        (_, 1) => format!("{other}会同{who}{deed}{thing}，{days}日内完成{project}现场核验。"),
        _ => format!("{when}{other}应当{deed}{second}，并通知{who}领取{thing}。"),
    }
}

/// The word of a list at a place, and how often the list was gone through before.
fn nth(list: &'static str, at: usize) -> (&'static str, usize) {
    let count = list.split_whitespace().count();
    let word = list.split_whitespace().nth(at % count);
    (word.unwrap_or_default(), at / count)
}

/// Any word of a list.
fn any(list: &'static str, state: &mut u64) -> &'static str {
    nth(list, pick(state, list.len())).0
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
    use std::error::Error;

    use super::{PASSAGES, generated, published};
    use crate::kb::{Audience, Library};
    use crate::staff::Person;

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

    #[test]
    fn the_gate_takes_no_generated_text_for_a_copy_of_another() -> Result<(), Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        let texts = folder.path().join("texts");
        std::fs::create_dir(&texts)?;
        // The last twelve share place and matter with the first.
        let (files, _) = generated(7, PASSAGES * 300, 0);
        for file in files.iter().take(12).chain(files.iter().skip(288)) {
            std::fs::write(texts.join(&file.name), &file.text)?;
        }
        let library = Library::open(&folder.path().join("kb.sqlite"))?;
        let maker = Person::both("m", "录入");
        library.put_base("qa", "测量", &Audience::Public, &maker, 0)?;
        let imported = library.import_folder("qa", &texts, &maker, 0)?;
        let found = imported
            .quarantined
            .iter()
            .map(|(version, _)| library.version(version));
        let found: Vec<_> = found
            .filter_map(|info| Some(info.ok()?.info.findings))
            .flatten()
            .collect();
        assert_eq!(
            imported.quarantined,
            [],
            "{found:?}, {:?}",
            imported.left_out
        );
        assert_eq!(imported.published.len(), 24);
        Ok(())
    }
}
