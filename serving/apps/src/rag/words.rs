//! Word tables for Chinese questions: what is asked, what is only filler, what citizens call it.
//!
//! All entries are folded (simplified, half width, lower case); words of a list are parted by
//! blanks.

/// What kind of answer a question wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Aspect {
    Fee,
    Time,
    Phone,
    Place,
    Materials,
    Legal,
    Duration,
    Quantity,
    Conditions,
    Process,
}

/// Phrases that show what is asked; they say nothing about the matter itself.
pub(crate) const ASPECT_WORDS: [(Aspect, &str); 9] = [
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

/// What citizens say, and what the texts call it.
pub(crate) const SYNONYMS: &[(&str, &str)] = &[
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

/// Places elsewhere that a question may name; a base for another place has no answer about them.
pub(crate) const PLACES: &str = "北京 上海 天津 重庆 广州 深圳 杭州 南京 成都 武汉 西安 长沙 郑州 青岛 苏州 \
     宁波 厦门 福州 济南 合肥 昆明 贵阳 南宁 海口 太原 沈阳 大连 长春 哈尔滨 石家庄 南昌 兰州 银川 西宁 \
     呼和浩特 拉萨 乌鲁木齐 香港 澳门 台湾 台北 广东 浙江 江苏 山东 四川 湖北 湖南 河南 河北 福建 安徽 云南 \
     贵州 广西 海南 山西 陕西 辽宁 吉林 黑龙江 江西 甘肃 宁夏 青海 内蒙古 西藏 新疆 东莞 佛山 无锡 温州 珠海 \
     中山 烟台 洛阳 桂林 三亚";

/// Words before a place that make it a destination or an origin, not where the rule applies.
pub(crate) const DIRECTIONS: &str = "去 到 往 从 回 转 赴";
