//! Radicals that fonts name instead of the characters that look the same.
//!
//! Some programs map the glyph of 工 to U+2F2F, the Kangxi radical: it looks right on every screen
//! and no search finds it. Unicode gives each of them its character (UAX 44, compatibility
//! decompositions of U+2F00 to U+2FD5; for U+2E80 to U+2EFF those that are whole characters).

/// Forms that fonts of mainland texts show for radicals whose character has another shape.
const MAINLAND: [(char, char); 3] = [('戶', '户'), ('靑', '青'), ('黃', '黄')];

/// The characters of U+2F00 to U+2FD5, in order.
const KANGXI: &str = "\
     一丨丶丿乙亅二亠人儿入八冂冖冫几凵刀力勹匕匚匸十卜卩厂厶又口囗土士夂夊夕大女子宀寸小尢尸屮山巛工己巾干幺广廴\
     廾弋弓彐彡彳心戈戶手支攴文斗斤方无日曰月木欠止歹殳毋比毛氏气水火爪父爻爿片牙牛犬玄玉瓜瓦甘生用田疋疒癶白皮皿\
     目矛矢石示禸禾穴立竹米糸缶网羊羽老而耒耳聿肉臣自至臼舌舛舟艮色艸虍虫血行衣襾見角言谷豆豕豸貝赤走足身車辛辰辵\
     邑酉釆里金長門阜隶隹雨靑非面革韋韭音頁風飛食首香馬骨高髟鬥鬯鬲鬼魚鳥鹵鹿麥麻黃黍黑黹黽鼎鼓鼠鼻齊齒龍龜龠\
     ";

/// Whole characters among the supplement.
const SUPPLEMENT: [(char, char); 26] = [
    ('\u{2e81}', '厂'),
    ('\u{2e8c}', '小'),
    ('\u{2e95}', '彐'),
    ('\u{2e9f}', '母'),
    ('\u{2ea0}', '民'),
    ('\u{2ec4}', '西'),
    ('\u{2ec5}', '见'),
    ('\u{2ec6}', '角'),
    ('\u{2ec9}', '贝'),
    ('\u{2ecb}', '车'),
    ('\u{2ed3}', '长'),
    ('\u{2ed4}', '门'),
    ('\u{2eda}', '页'),
    ('\u{2edb}', '风'),
    ('\u{2edc}', '飞'),
    ('\u{2edd}', '食'),
    ('\u{2ee2}', '马'),
    ('\u{2ee3}', '骨'),
    ('\u{2ee5}', '鱼'),
    ('\u{2ee6}', '鸟'),
    ('\u{2ee8}', '麦'),
    ('\u{2ee9}', '黄'),
    ('\u{2eec}', '齐'),
    ('\u{2eee}', '齿'),
    ('\u{2ef0}', '龙'),
    ('\u{2ef3}', '龟'),
];

/// A text with characters in the place of radicals; nothing where it has none.
pub(super) fn characters(text: &str) -> Option<String> {
    let radical = |char: char| matches!(char, '\u{2e80}'..='\u{2fd5}');
    text.contains(radical).then(|| {
        text.chars()
            .map(|char| if radical(char) { character(char) } else { char })
            .collect()
    })
}

fn character(radical: char) -> char {
    let supplement = SUPPLEMENT.iter().find(|(from, _)| *from == radical);
    let kangxi = u32::from(radical).checked_sub(0x2f00);
    let character = supplement
        .map(|(_, to)| *to)
        .or_else(|| KANGXI.trim().chars().nth(kangxi? as usize))
        .unwrap_or(radical);
    let mainland = MAINLAND.iter().find(|(from, _)| *from == character);
    mainland.map_or(character, |(_, to)| *to)
}

#[cfg(test)]
mod tests {
    use super::characters;

    #[test]
    fn radicals_become_the_characters_that_they_look_like() {
        assert_eq!(
            characters("\u{2f2f}作\u{2f47}、\u{2f00}\u{2fd5}\u{2ed3}").as_deref(),
            Some("工作日、一龠长")
        );
        assert_eq!(characters("工作日"), None);
    }
}
