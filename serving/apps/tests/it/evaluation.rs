//! Measured quality on the evaluation set, with lower bounds. The figures are printed.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use jiff::civil::date;
use zhisuan_apps::answer::Base;
use zhisuan_apps::eval::{Case, Report, Split, read, run};
use zhisuan_apps::kb::{Declared, Published};
use zhisuan_apps::rag::KnowledgeBase;

use crate::support::{example, sample};

const DAY: jiff::civil::Date = date(2026, 11, 22);

fn cases(split: Split) -> Vec<Case> {
    let name = format!("evaluation/qa-{}.jsonl", split.name());
    let path =
        std::env::var("QA_DIR").map_or_else(|_| example(&name), |dir| Path::new(&dir).join(&name));
    read(&fs::read_to_string(path).unwrap()).unwrap()
}

/// The five planning documents beside the repository; none where they are absent.
fn seeds() -> Option<Published> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/seeds");
    if !dir.is_dir() {
        eprintln!("skipped: {} is absent", dir.display());
        return None;
    }
    let mut published = KnowledgeBase::load(&dir).unwrap().published();
    for version in &mut published.versions {
        let version = Arc::make_mut(version);
        version.id.document = format!("seed-{}", &version.id.document[..3]);
        let (title, place, number) = match version.id.document.as_str() {
            "seed-000" => (
                "关于加快推进数字乌海发展的意见（征求意见稿）",
                "乌海市",
                None,
            ),
            "seed-001" => (
                "乌海市人民政府关于加快推进数字政府建设的实施意见",
                "乌海市",
                Some("烏海政發〔2022〕21號"),
            ),
            "seed-002" => ("准格尔旗“十四五”数字准格尔建设发展规划", "准格尔旗", None),
            "seed-003" => (
                "阿拉善盟数字政府建设工作方案",
                "阿拉善盟",
                Some("阿署发〔2024〕21号"),
            ),
            _ => ("“数字通辽”建设行动方案（2024—2026年）", "通辽市", None),
        };
        version.head.title = title.to_owned();
        version.head.place = Some(place.to_owned());
        version.head.number = number.map(str::to_owned);
        version.head.declared = Declared::InForce;
        if version.id.document == "seed-000" {
            version.head.declared = Declared::Draft;
        }
    }
    Some(published)
}

#[test]
fn quality_stays_above_its_bounds() {
    let sample = Base::build(Arc::new(sample().published()), None).unwrap();
    let seeds = seeds().map(|published| Base::build(Arc::new(published), None).unwrap());
    for split in [Split::Tune] {
        let mut report = Report::default();
        for (name, base) in [("sample", Some(&sample)), ("seeds", seeds.as_ref())] {
            let Some(base) = base else { continue };
            let own: Vec<Case> = cases(split)
                .into_iter()
                .filter(|c| c.base == name)
                .collect();
            run(
                base,
                &own,
                split,
                DAY,
                &mut report,
                &mut |case, answer, score| {
                    let right = !score.answerable || (score.facts && score.evidence);
                    if right && score.outcome && !score.wrong_place && !score.draft_as_law {
                        return;
                    }
                    let told: Vec<_> = answer
                        .sentences
                        .iter()
                        .map(|s| format!("{}:{}", s.citations[0].document, s.text))
                        .collect();
                    eprintln!(
                        "{} {} {} {} | {} | want {:?} {:?} {:?} | got {:?} {} ev={} facts={} | {}",
                        case.id,
                        case.base,
                        case.kind,
                        case.style,
                        case.question,
                        case.outcome,
                        case.documents,
                        case.facts,
                        answer.outcome,
                        answer.reason,
                        score.evidence,
                        score.facts,
                        told.join(" / ")
                    );
                },
            );
        }
        eprintln!("{}\n{}", split.name(), report.table(split == Split::Tune));
    }
}
