//! Damaged real input from fixed seeds: a little of what `/fuzz` does, in every test run.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::*;

const DOCX: &[u8] = include_bytes!("../../tests/fixtures/dogs.docx");
const XLSX: &[u8] = include_bytes!("../../tests/fixtures/fees.xlsx");
const PDF: &[u8] = include_bytes!("../../tests/fixtures/rules.pdf");
const HTML: &[u8] = include_bytes!("../../../../examples/knowledge/library-card.html");

/// Ways to say the same: several questions, escapes, a line that leaves `answers` out.
const BANK: &str = r#"{"document":"dog","quote":"每只每年300元","questions":["养狗要交多少钱","狗证\u0020贵不贵"]}

{"document":"meal","quote":"長者助餐","questions":["\ud83d\ude00几点开饭"],"answers":false}
{"answers":true,"questions":[],"quote":"\"\\\/\b","document":""}"#;

/// SplitMix64: a seed repeats its case.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) as usize % most.max(1)
    }
}

/// A copy with some bytes changed, left out, doubled or cut off.
fn damaged(input: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut data = input.to_vec();
    for _ in 0..=dice.below(4) {
        let (at, from) = (dice.below(data.len()), dice.below(data.len()));
        let end = (at + 1 + dice.below(32)).min(data.len());
        match dice.below(6) {
            _ if data.is_empty() => {}
            0 => data[at] = dice.below(256) as u8,
            1 => data[at] ^= 1 << dice.below(8),
            2 => drop(data.drain(at..end)),
            3 => {
                let part = data[at..end].to_vec();
                data.splice(from..from, part);
            }
            4 => data[at..end].fill(b"0<(|\n\xff"[dice.below(6)]),
            _ => data.truncate(data.len().saturating_sub(dice.below(64))),
        }
    }
    data
}

/// Calls `target` with the input and with `count` damaged copies of it.
fn hammer(input: &[u8], seed: u64, count: usize, target: impl Fn(&[u8])) {
    target(input);
    let mut dice = Dice(seed);
    for _ in 0..count {
        target(&damaged(input, &mut dice));
    }
}

#[test]
fn damaged_files() {
    for (kind, (_, example)) in TEXTS.iter().enumerate() {
        let input = [&[kind as u8], example.as_bytes()].concat();
        hammer(&input, 1, 20, text);
        hammer(&input, 2, 20, blocks);
        hammer(&input, 3, 20, personal);
    }
    hammer(HTML, 4, 100, html);
    hammer(PDF, 5, 100, pdf);
}

#[test]
fn damaged_office_files() {
    hammer(DOCX, 6, 5, docx);
    hammer(XLSX, 7, 20, xlsx);
    hammer(&parts(&DOCX_PARTS, DOCX).unwrap(), 8, 100, docx);
    hammer(&parts(&XLSX_PARTS, XLSX).unwrap(), 9, 100, xlsx);
}

#[test]
fn the_parts_of_an_office_file_read_as_the_file_does() {
    let seen = |extract: Extract| -> Vec<String> {
        let of = |block: &Block| extract.text.get(block.range.clone()).unwrap().to_owned();
        extract.blocks.iter().map(of).collect()
    };
    let whole = seen(read("a.docx", DOCX).unwrap());
    let joined = parts(&DOCX_PARTS, DOCX).unwrap();
    let again = archive(
        DOCX_PARTS
            .iter()
            .copied()
            .zip(joined.split(|byte| *byte == 0)),
    );
    let again = seen(read("a.docx", &again.unwrap()).unwrap());
    // The footer is not among the parts, and without styles numbers of lines are lost.
    let tabled = |lines: &[String]| lines.iter().filter(|line| line.contains(" | ")).count();
    assert_eq!(tabled(&again), tabled(&whole));
    assert!(
        tabled(&whole) > 2 && again.len() + 1 == whole.len(),
        "{again:?}"
    );
}

#[test]
fn damaged_banks() {
    hammer(BANK.as_bytes(), 20, 400, bank);
    // Damage mostly ends in a line that is none: this is read.
    bank(
        BANK.replace("\\u0020", "\\n\\u2028")
            .replace('\n', "\r\n")
            .as_bytes(),
    );
}

#[test]
fn damaged_questions() {
    for (seed, asked) in [
        "养犬登记要什么材料，多少钱？",
        "青岚市\0狗证怎么辦",
        "2023年算力券最高多少元，电话是什么？",
    ]
    .into_iter()
    .enumerate()
    {
        hammer(asked.as_bytes(), 10 + seed as u64, 40, question);
    }
}
