//! What a section is about, told by its heading.

use crate::kb::passage::SectionKind;

/// Words of a heading and what they say it is about; the first that fits decides.
const KINDS: [(&[&str], SectionKind); 11] = [
    (
        &["责任单位", "责任部门", "责任分工", "牵头单位"],
        SectionKind::Responsible,
    ),
    (
        &[
            "地点",
            "地址",
            "窗口",
            "开放时间",
            "办公时间",
            "营业时间",
            "服务时间",
        ],
        SectionKind::Place,
    ),
    (&["电话", "咨询", "联系", "热线"], SectionKind::Phone),
    (&["时限", "办理期限"], SectionKind::Time),
    (&["收费", "费用"], SectionKind::Fee),
    (&["材料"], SectionKind::Materials),
    (&["条件", "对象", "谁可以"], SectionKind::Conditions),
    (&["流程", "步骤", "程序", "怎么办"], SectionKind::Process),
    (&["依据"], SectionKind::Legal),
    (&["期限", "有效期", "租期"], SectionKind::Period),
    (&["标准", "额度", "比例", "待遇"], SectionKind::Standard),
];

impl SectionKind {
    /// The kind that a heading names, in either script.
    pub fn of_heading(heading: &str) -> Self {
        // 标准化 is a measure, not a standard by which something is granted.
        let heading = hanconv::t2s(heading).replace("标准化", "");
        let named = |words: &[&str]| words.iter().any(|word| heading.contains(word));
        KINDS
            .into_iter()
            .find(|(words, _)| named(words))
            .map_or(Self::Other, |(_, kind)| kind)
    }
}
