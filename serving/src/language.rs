//! Which language a caller reads error messages in.

/// Language of messages; codes and keys are never translated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Language {
    #[default]
    English,
    Chinese,
}

/// Reads an `Accept-Language` header (RFC 9110, 12.5.4): Chinese when it is wanted more than
/// English, English in every other case, also for an absent or broken header.
pub(crate) fn preferred(header: Option<&str>) -> Language {
    let (mut chinese, mut english) = (0, 0);
    for range in header.unwrap_or("").split(',') {
        let mut parts = range.split(';');
        let tag = parts.next().unwrap_or("").trim().to_ascii_lowercase();
        let weight = parts
            .find_map(|part| part.trim().strip_prefix("q=").map(thousandths))
            .unwrap_or(1000);
        let primary = tag.split('-').next().unwrap_or("");
        match primary {
            "zh" => chinese = chinese.max(weight),
            "en" => english = english.max(weight),
            _ => {}
        }
    }
    // At equal weights the order in the header decides, as browsers mean it.
    let chinese_first = header.is_some_and(|text| {
        let text = text.to_ascii_lowercase();
        match (text.find("zh"), text.find("en")) {
            (Some(zh), Some(en)) => zh < en,
            (Some(_), None) => true,
            _ => false,
        }
    });
    if chinese > english || (chinese == english && chinese > 0 && chinese_first) {
        Language::Chinese
    } else {
        Language::English
    }
}

/// A quality value such as "0.8" in thousandths; anything unreadable counts as nothing.
fn thousandths(text: &str) -> u32 {
    match text.trim().parse::<f32>() {
        Ok(q) if (0.0..=1.0).contains(&q) => (q * 1000.0).round() as u32,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::{Language, preferred};

    #[test]
    fn chinese_only_when_it_is_preferred() {
        for header in [
            "zh-CN",
            "zh-CN,zh;q=0.9,en;q=0.8",
            "en;q=0.3, zh;q=0.4",
            "zh,en",
        ] {
            assert_eq!(preferred(Some(header)), Language::Chinese, "{header}");
        }
        for header in [
            "",
            "en",
            "en-US,en;q=0.9,zh;q=0.8",
            "*",
            "zh;q=0",
            "zh;q=nan",
            "en,zh",
        ] {
            assert_eq!(preferred(Some(header)), Language::English, "{header}");
        }
        assert_eq!(preferred(None), Language::English);
    }
}
