//! Whatever happens to a file on its way: it is read or refused, its ranges hold, nothing panics.

use zhisuan_apps::kb::{passages, read};

use crate::hostile_files::{archive, composite, document, one_page};
use crate::read::fixture;

/// A small generator with a fixed seed, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }

    /// One to six changes anywhere: bytes replaced, flipped, put in, repeated, the end cut off.
    fn damaged(&mut self, original: &[u8]) -> Vec<u8> {
        let mut bytes = original.to_vec();
        for _ in 0..=self.below(6) {
            let at = self.below(bytes.len());
            match self.below(5) {
                0 => bytes[at] = self.below(256) as u8,
                1 => bytes.truncate(at.max(1)),
                2 => bytes.insert(at, self.below(256) as u8),
                3 => bytes[at] ^= 1 << self.below(8),
                _ => {
                    let end = (at + self.below(64)).min(bytes.len());
                    let piece = bytes[at..end].to_vec();
                    bytes.splice(at..at, piece);
                }
            }
        }
        bytes
    }
}

/// Small real files of every format and how often each is damaged.
fn files() -> [(&'static str, Vec<u8>, usize); 9] {
    let text = "一、条件\n（一）年满18周岁；\n（责任单位：甲局）\n";
    let markdown = "---\n标题: 甲\n---\n# 一\n| a | b |\n|---|---|\n- 项\n";
    let page =
        "<html><body><table><tr><td>甲<td>乙</table><p class=nav>丙&nbsp;&#x4e00;</p></body>";
    let row = "<w:tbl><w:tr><w:tc><w:p><w:r><w:t>甲</w:t></w:r></w:p></w:tc><w:tc/></w:tr></w:tbl>";
    let body = document(row);
    let string = hex::encode(encoding_rs::GB18030.encode("办理时限").0);
    let content = format!("BT /F 12 Tf 72 700 Td [<{string}> -250 (abc)] TJ T* (x) ' ET");
    let gbk = encoding_rs::GB18030.encode("居住证有效期为五年。\n").0;
    [
        ("a.txt", text.repeat(9).into_bytes(), 150),
        ("a.md", markdown.repeat(5).into_bytes(), 150),
        ("a.html", page.repeat(8).into_bytes(), 150),
        ("a.docx", fixture("dogs.docx"), 60),
        (
            "a.docx",
            archive(&[("word/document.xml", &body), ("word/styles.xml", b"<s/>")]),
            100,
        ),
        ("a.xlsx", fixture("fees.xlsx"), 80),
        ("a.pdf", fixture("rules.pdf"), 100),
        ("a.pdf", one_page(&composite("GBK-EUC-H"), &content), 150),
        ("a.gb", gbk.repeat(9), 150),
    ]
}

#[test]
fn damaged_files_of_every_format_are_read_or_refused() {
    let mut random = Random(0x5eed);
    for (name, original, rounds) in files() {
        for _ in 0..rounds {
            let Ok(extract) = read(name, &random.damaged(&original)) else {
                continue;
            };
            let mut last = 0;
            for block in &extract.blocks {
                assert!(block.range.start >= last, "{name}: blocks overlap");
                assert!(extract.text.get(block.range.clone()).is_some(), "{name}");
                last = block.range.end;
            }
            for passage in passages(&extract.text, &extract.blocks, 0) {
                for sentence in &passage.sentences {
                    assert!(extract.text.get(sentence.clone()).is_some(), "{name}");
                }
            }
        }
    }
}
