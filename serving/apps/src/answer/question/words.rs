//! Word tables for Chinese questions: what is asked, and what is only filler.
//!
//! All entries are folded (simplified, half width, lower case); words of a list are parted by
//! blanks.

/// What kind of answer a question wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Aspect {
    /// A body: who leads, who is responsible.
    Body,
    /// What must be paid.
    Fee,
    /// A day or the last day of something.
    Deadline,
    /// How long the office takes.
    Time,
    Phone,
    Place,
    Materials,
    Legal,
    /// How long something lasts or may wait.
    Duration,
    Quantity,
    Conditions,
    Process,
}

/// Phrases that show what is asked; they say nothing about the matter itself.
pub(crate) const ASPECT_WORDS: [(Aspect, &str); 11] = [
    (
        Aspect::Body,
        "哪个部门牵头 哪个部门负责 由哪个部门 由谁牵头 由谁负责 谁来牵头 谁牵头 谁负责 谁来负责 归谁管 归哪个部门 归哪管 \
         哪个部门 哪些部门 什么部门 哪个单位 哪家单位 牵头单位 责任单位 牵头部门 责任部门 配合单位 主管部门 \
         哪个局 哪家部门 谁管 谁来管",
    ),
    (
        Aspect::Deadline,
        "截止到什么时候 什么时候截止 截止时间 截止日期 截止到哪天 截止到几号 到什么时候为止 到哪天截止 哪天截止 \
         什么时候完成 什么时候之前 什么时候前 什么时间完成 完成时限 完成时间 到哪一年 哪年 哪一年 哪一天 \
         哪天 几号 什么日期 什么时候结束 什么时候开始 什么时候施行 什么时候实施 什么时候生效 什么时候印发 什么时候发布",
    ),
    (
        Aspect::Fee,
        "多少钱 要钱吗 收钱吗 花钱吗 收费标准 收费吗 怎么收费 要交钱 交钱吗 费用 手续费 工本费 免费吗 免费 \
         收不收费 要不要钱 收不收钱 收费 花钱 几块钱 多少费用",
    ),
    (
        Aspect::Time,
        "多久 多长时间 几天 多少天 多少个工作日 几个工作日 办理时限 时限 什么时候能拿到 什么时候能办好 多快 等多长 \
         什么时候下来 什么时候 啥时候 何时 多长 几个月",
    ),
    (
        Aspect::Phone,
        "电话号码 咨询电话 联系电话 电话是多少 打什么电话 打哪个电话 哪个电话 电话 联系方式 打给谁",
    ),
    (
        Aspect::Place,
        "在哪里 在哪儿 在哪 去哪里 去哪儿 去哪个 去哪 上哪儿 上哪 到哪里 到哪 哪里 哪儿 地址 地点 什么地方 \
         在哪个窗口 哪个窗口 几楼 几点 上班时间 上不上班 上班吗 周末 周六 开门 下班 办公时间",
    ),
    (
        Aspect::Materials,
        "要带 要交什么 什么材料 哪些材料 申请材料 材料 带什么 带啥 带哪些 哪些证件 什么证件 准备什么 准备啥 准备哪些 交什么 \
         提交什么 提交哪些 要啥手续 什么手续",
    ),
    (
        Aspect::Legal,
        "法律依据 什么依据 依据是什么 依据 哪个文件 哪条规定 什么规定",
    ),
    (
        Aspect::Quantity,
        "多少 百分之几 几次 几成 几折 多大 多高 多重 多远 多小",
    ),
    (
        Aspect::Conditions,
        "什么条件 哪些条件 条件 谁能 谁可以 什么人 哪些人 哪些单位 哪些企业 资格 什么要求 哪些要求 什么情况 \
         哪些情况 符合",
    ),
    (
        Aspect::Process,
        "怎么办理 怎么办 怎样办 怎么申请 怎么弄 怎么 怎样 如何 流程 步骤 咋办 咋弄 咋 程序 手续",
    ),
];

/// Phrases that ask how long something lasts or may wait, not how long the office takes.
pub(crate) const LASTING: &str = "能领多久 领多久 领多长时间 多久之内 多久内 多久以内 多长时间内 几天内 几天之内 几年内 \
     几个月内 有效多久 管多久 用多久 保存多久 保存多少天 保存几天 提前多久 提前几天 多久一次 住多久 交多久 缴多久";

/// Words that turn a question about time into one about how long something lasts.
pub(crate) const LASTS: &str = "过期 有效 到期 住满 保留";

/// Words that turn "how much money" from a fee to be paid into a sum to be received.
pub(crate) const RECEIVING: &str = "领 补贴 补助 津贴 奖励 发放 发多少 补多少 抵";

/// Phrases that carry nothing.
pub(crate) const FILLER: &str = "请问一下 请问 您好 你好 想问一下 想问下 我想知道 想知道 我想 我要 我们 我家 \
     我的 你们 咱们 本人 需要 应该 必须 要不要 是不是 能不能 可不可以 可以 有没有 是否 能否 什么 哪些 哪个 的话 \
     地方 一下 申请办理 办理 申请 申领 领取 时候 如果 怎么回事 一个 一共 总共 这个 那个 现在 目前 今年 咱市 本市 \
     全市 市里 规定 政策 知道 告诉 之后 以后 要求 一定 会怎么样 会怎样";

/// Characters that carry nothing alone; a pair with one of them counts only if the texts have it.
/// Numerals are among them: they are the citizen's own case, seldom the text's words.
pub(crate) const FILLER_CHARS: &str = "我你咱的得了吗呢吧啊呀哪谁啥去到在要想能会是有给用和与把被时就才还都最帮\
     拿弄几后办上下里个再从为以可请问交带领一二三四五六七八九十百千万两";

/// Places elsewhere that a question may name; a base for another place has no answer about them.
const PLACES: &str = "北京 上海 天津 重庆 广州 深圳 杭州 南京 成都 武汉 西安 长沙 郑州 青岛 苏州 \
     宁波 厦门 福州 济南 合肥 昆明 贵阳 南宁 海口 太原 沈阳 大连 长春 哈尔滨 石家庄 南昌 兰州 银川 西宁 \
     呼和浩特 拉萨 乌鲁木齐 香港 澳门 台湾 台北 广东 浙江 江苏 山东 四川 湖北 湖南 河南 河北 福建 安徽 云南 \
     贵州 广西 海南 山西 陕西 辽宁 吉林 黑龙江 江西 甘肃 宁夏 青海 内蒙古 西藏 新疆 东莞 佛山 无锡 温州 珠海 \
     中山 烟台 洛阳 桂林 三亚";

/// Words before a place that make it a destination or an origin, not where the rule applies.
const DIRECTIONS: &str = "去 到 往 从 回 转 赴";

/// Places elsewhere whose rules a folded question asks for.
pub(crate) fn elsewhere(folded: &str) -> Vec<&'static str> {
    let asked = |place: &&str| {
        folded.find(*place).is_some_and(|at| {
            let before = folded.get(..at).unwrap_or_default();
            let mut directions = DIRECTIONS.split_whitespace();
            !directions.any(|word| before.ends_with(word))
        })
    };
    PLACES.split_whitespace().filter(asked).collect()
}

#[cfg(test)]
mod tests {
    use super::elsewhere;

    #[test]
    fn a_destination_is_not_the_place_of_the_rule() {
        assert_eq!(elsewhere("北京的居住证怎么办"), ["北京"]);
        assert!(elsewhere("去北京看病怎么备案").is_empty());
    }
}
