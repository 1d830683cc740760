//! The five real planning documents: what their structure is read as.

use zhisuan_apps::kb::{Extract, Passage, passages, read};

fn seed(start: &str) -> Option<(Extract, Vec<Passage>)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/seeds");
    let Ok(entries) = std::fs::read_dir(folder) else {
        eprintln!("SKIPPED: no seeds at {folder}");
        return None;
    };
    let file = entries.map(|entry| entry.unwrap().path()).find(|path| {
        path.file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with(start)
    })?;
    let bytes = std::fs::read(&file).unwrap();
    let extract = read(&file.to_string_lossy(), &bytes).unwrap();
    let passages = passages(&extract.text, &extract.blocks, 0);
    Some((extract, passages))
}

#[test]
#[ignore = "prints what was read, for the eye"]
fn print() {
    let which = std::env::var("SEED").unwrap_or_else(|_| "000".to_owned());
    let (extract, passages) = seed(&which).unwrap();
    for block in &extract.blocks {
        if block.kind != zhisuan_apps::kb::BlockKind::Paragraph {
            println!("{:?} {}", block.kind, &extract.text[block.range.clone()]);
        }
    }
    for passage in &passages {
        println!("\n== {} [{:?}]", passage.path.join(" > "), passage.kind);
        if !passage.responsible.is_empty() {
            println!("   责任 {}", passage.responsible.join(" / "));
        }
        if let Some(deadline) = &passage.deadline {
            println!("   期限 {}", &extract.text[deadline.clone()]);
        }
        for sentence in &passage.sentences {
            println!("   · {}", &extract.text[sentence.clone()]);
        }
    }
    let lengths: Vec<_> = passages
        .iter()
        .map(|p| {
            p.sentences
                .iter()
                .map(|s| extract.text[s.clone()].chars().count())
                .sum::<usize>()
        })
        .collect();
    println!("{} passages, chars {:?}", passages.len(), lengths);
}
