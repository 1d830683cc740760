//! Words that turn a sentence round where one stands for another of its group.

/// Opposites, kinds and rates; a sentence has a word of a group only where its sources have it.
const GROUPS: &[&[&str]] = &[
    &["提高", "降低", "提升", "下降", "上升", "上调", "下调"],
    &["增加", "减少", "增长", "缩减"],
    &["扩大", "缩小"],
    &["延长", "缩短", "提前", "推迟", "延期"],
    &["全额", "部分", "半额", "减半", "全部", "一半"],
    &["半价", "全价", "免费", "不收费", "不收取"],
    &["上午", "下午", "晚上", "早上", "全天", "全年"],
    &[
        "周一",
        "周二",
        "周三",
        "周四",
        "周五",
        "周六",
        "周日",
        "周末",
        "星期",
        "节假日",
        "工作日",
    ],
    &[
        "首次", "再次", "补领", "换领", "申领", "续签", "注销", "补办", "新办", "变更",
    ],
    &["本人", "他人", "代办", "代为", "委托"],
    &["本市", "外市", "外地", "本地", "外省", "非本市"],
    &["城镇", "农村", "城市", "乡村"],
    &["原件", "复印件"],
    &[
        "男性", "女性", "男方", "女方", "丈夫", "妻子", "母亲", "父亲",
    ],
    &["网上", "现场", "线上", "线下", "窗口"],
    &["同意", "拒绝", "批准", "驳回"],
    &["企业", "个人", "单位"],
    &[
        "最高", "最低", "最多", "最少", "以上", "以下", "不足", "超过",
    ],
    &["之前", "之后", "以前", "以后"],
    &["恢复", "中止", "终止", "暂停", "取消"],
    &["牵头", "配合", "协助"],
    &["只", "仅", "都", "所有", "任何", "全部", "一律"],
];
/// Words of which one says the other.
const SAME: &[&[&str]] = &[
    &["免费", "不收费", "不收取", "免收", "免交"],
    &["最高", "最多", "至多", "不超过", "上限"],
    &["最低", "最少", "至少", "不少于", "不低于", "不小于"],
    &["提高", "提升", "上调"],
    &["降低", "下降", "下调"],
    &["之前", "以前"],
    &["之后", "以后"],
    &["网上", "线上"],
    &["补办", "补领"],
    &["代办", "代为"],
];

/// The first such word of a folded sentence that its folded sources do not have.
pub(super) fn missing(said: &str, sources: &str) -> Option<&'static str> {
    let held = |word: &str| {
        let same = SAME.iter().filter(|group| group.contains(&word));
        sources.contains(word)
            || same
                .flat_map(|group| group.iter())
                .any(|w| sources.contains(w))
    };
    let words = GROUPS.iter().flat_map(|group| group.iter().copied());
    let mut words = words.filter(|word| said.contains(word));
    words.find(|word| !held(word))
}
