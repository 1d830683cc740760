//! What citizens say and what the texts call it: a table of our own, and the reviewed one of a base.

use crate::kb::Synonym;

use super::fold::fold;

/// Words of the citizens with the texts' words, longest first.
#[derive(Debug, Default)]
pub(crate) struct Synonyms {
    /// Folded word, and folded alternatives that begin with the word itself.
    entries: Vec<(String, Vec<String>)>,
}

impl Synonyms {
    /// The built-in table with a base's reviewed one, which wins where both have a word.
    pub(crate) fn new(reviewed: &[Synonym]) -> Self {
        let mut entries: Vec<(String, Vec<String>)> = Vec::new();
        let own = BUILT_IN.iter().map(|(word, means)| {
            let means = means.split_whitespace().map(str::to_owned).collect();
            ((*word).to_owned(), means)
        });
        let reviewed = reviewed.iter().map(|synonym| {
            let means: Vec<String> = synonym.means.iter().map(|word| fold(word)).collect();
            (fold(&synonym.word), means)
        });
        for (word, means) in reviewed.chain(own) {
            if word.is_empty() || entries.iter().any(|(known, _)| *known == word) {
                continue;
            }
            let alternatives = std::iter::once(word.clone()).chain(means).collect();
            entries.push((word, alternatives));
        }
        entries.sort_by_key(|(word, _)| std::cmp::Reverse(word.len()));
        Self { entries }
    }

    /// Whether a word of the table has a pair of characters.
    pub(crate) fn has_pair(&self, pair: &str) -> bool {
        self.entries.iter().any(|(word, _)| word.contains(pair))
    }

    /// The table, longest words first.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.entries
            .iter()
            .map(|(word, alternatives)| (word.as_str(), alternatives.as_slice()))
    }
}

/// Everyday words of city services; folded, the texts' words parted by blanks.
const BUILT_IN: &[(&str, &str)] = &[
    ("养狗", "养犬 犬只"),
    ("狗狗", "犬只 犬"),
    ("狗", "犬"),
    ("刚生的娃", "新生儿"),
    ("生娃", "新生儿 出生"),
    ("宝宝", "新生儿 婴儿"),
    ("娃", "儿童 新生儿 孩子"),
    ("小孩", "儿童 子女"),
    ("孩子", "儿童 子女"),
    ("三孩家庭", "多子女家庭"),
    ("二孩家庭", "多子女家庭"),
    ("上小学", "小学 入学"),
    ("上学", "入学"),
    ("读书", "入学"),
    ("房产证", "不动产权证 不动产"),
    ("房本", "不动产权证 不动产"),
    ("买房", "购房 购买"),
    ("过户", "转移登记 过户"),
    ("领证", "婚姻登记 结婚登记"),
    ("户口本", "户口簿"),
    ("开公司", "企业开办 设立"),
    ("办公司", "企业开办 设立"),
    ("开饭店", "食品经营 餐饮"),
    ("开餐馆", "食品经营 餐饮"),
    ("餐馆", "食品经营 餐饮"),
    ("小饭馆", "食品经营 餐饮"),
    ("小吃店", "小餐饮 餐饮"),
    ("饭馆", "食品经营 餐饮"),
    ("后厨", "食品处理区"),
    ("厨房", "食品处理区"),
    ("开店", "个体工商户"),
    ("个体户", "个体工商户"),
    ("年报", "年度报告"),
    ("执照", "营业执照"),
    ("关公司", "注销"),
    ("公司不干了", "企业注销 注销"),
    ("下岗", "失业"),
    ("丢工作", "失业"),
    ("失业金", "失业保险金"),
    ("廉租房", "公租房 公共租赁住房"),
    ("公租房", "公租房 公共租赁住房"),
    ("租房", "租房 租赁"),
    ("老人食堂", "长者饭堂"),
    ("老人饭堂", "长者饭堂"),
    ("吃饭", "就餐"),
    ("老人卡", "老年人优待证"),
    ("老年卡", "老年人优待证"),
    ("老年证", "老年人优待证"),
    ("老人", "老年人 长者 周岁"),
    ("公交", "公共汽车 公共交通"),
    ("残疾证", "残疾人证"),
    ("外地看病", "异地就医"),
    ("异地看病", "异地就医"),
    ("看病", "就医"),
    ("报销比例", "支付比例 报销比例"),
    ("迁户口", "落户 户口"),
    ("上户口", "出生登记 户口登记"),
    ("社保", "社会保险 社保"),
    ("显卡", "加速卡"),
    ("算力卡", "加速卡"),
    ("代金券", "算力券"),
    ("夜里", "空闲时段 夜间"),
    ("晚上", "空闲时段 夜间"),
    ("补办", "补领 补办 补发"),
    ("丢了", "遗失 丢失 补领"),
    ("弄丢", "遗失 丢失 补领"),
    ("换新", "换领 换发"),
    ("到期", "有效期 期满"),
    ("过期", "有效期 期满 逾期"),
    ("作废", "失效 作废"),
    ("补助", "补贴"),
    ("网上", "网上 线上 手机端"),
    ("手机上", "手机端 网上"),
    ("取公积金", "公积金提取 提取"),
    ("取出来", "提取"),
    ("上限", "上限 最高 不超过 累计不"),
    ("最高", "最高 不超过 上限"),
    ("最多", "最多 不超过 上限 最高 限"),
    ("不能超过", "不高于 不超过"),
    ("最长", "最长 不超过"),
    ("限制", "以下 不超过 限"),
    ("便宜", "优惠 减免 折"),
    ("优惠", "优惠 减免 折"),
    ("打折", "优惠 减免 折"),
    ("代办", "代办 代为 委托"),
    ("每个月", "每月"),
    ("没有", "未 没有 无"),
    ("没", "未 没有"),
    ("不用", "不需要 不必 无需 不再需要"),
    ("不能", "不得 禁止 不能"),
    ("新路", "新建 城市道路"),
    ("挖路", "挖掘"),
    ("挖", "挖掘"),
    ("外省", "跨省 异地 外省"),
    ("转进来", "转入 转移"),
    ("转出去", "转出 转移"),
    ("住满", "居住 满"),
    ("每平米", "每平方米"),
    ("平米", "平方米"),
    ("一家", "每户 每家 一家"),
    ("答复", "答复 回复"),
    ("回复", "答复 回复"),
    ("开工", "开工"),
];

#[cfg(test)]
mod tests {
    use super::{BUILT_IN, Synonyms};
    use crate::kb::Synonym;
    use crate::retrieve::fold;

    #[test]
    fn reviewed_words_win_and_longer_words_come_first() {
        let reviewed = Synonym {
            word: "養狗".to_owned(),
            means: vec!["飼養犬隻".to_owned()],
        };
        let table = Synonyms::new(&[reviewed]);
        let dog: Vec<_> = table
            .entries()
            .filter(|(word, _)| *word == "养狗")
            .collect();
        assert_eq!(dog.len(), 1);
        assert_eq!(dog.first().map(|(_, all)| all.len()), Some(2));
        let lengths: Vec<usize> = table.entries().map(|(word, _)| word.len()).collect();
        assert!(lengths.is_sorted_by(|a, b| a >= b));
    }

    #[test]
    fn the_table_is_folded() {
        for (word, means) in BUILT_IN {
            assert_eq!(
                (fold(word), fold(means)),
                ((*word).to_owned(), (*means).to_owned())
            );
        }
    }
}
