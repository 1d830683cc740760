//! Word tables for Chinese questions: what is asked, and what is only filler.
//!
//! All entries are folded (simplified, half width, lower case); words of a list are parted by
//! blanks.

use std::collections::HashSet;
use std::sync::LazyLock;

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
    /// A telephone number.
    Phone,
    /// Where.
    Place,
    /// When it is open.
    Hours,
    /// What to bring.
    Materials,
    /// On what ground.
    Legal,
    /// How long something lasts or may wait.
    Duration,
    /// Any other number.
    Quantity,
    /// Who may, and under which conditions.
    Conditions,
    /// Steps.
    Process,
}

/// Phrases that show what is asked; they say nothing about the matter itself. Earlier rows win.
pub(crate) const ASPECT_WORDS: [(Aspect, &str); 14] = [
    (
        Aspect::Body,
        "哪个部门牵头 哪个部门负责 由哪个部门 由谁牵头 由谁负责 谁来牵头 谁牵头 谁负责 谁来负责 归谁管 归哪个部门 归哪管 \
         哪个部门 哪些部门 什么部门 哪个单位 哪家单位 哪些单位负责 牵头单位 责任单位 牵头部门 责任部门 配合单位 主管部门 \
         哪个局 哪家部门 谁管 谁来管 是哪家牵头 哪家牵头 哪家负责 由谁 谁来 归谁 哪个机构 什么机构 哪个局打头",
    ),
    (
        Aspect::Deadline,
        "截止到什么时候 什么时候截止 截止时间 截止日期 截止到哪天 截止到几号 到什么时候为止 到哪天截止 哪天截止 \
         什么时候完成 什么时候之前完成 什么时候之前 什么时候前 什么时间完成 完成时限 完成时间 到哪一年 哪一年前 哪年 哪一年 哪几年 \
         哪一天 哪几天 最晚哪天 最晚几月 最晚什么时候 哪天到哪天 几月几号前 几月几号 几号到几号 在什么时间 什么期间 \
         哪天 几号 几月份 几月 什么日期 什么时候结束 什么时候开始 什么时候施行 什么时候实施 什么时候生效 什么时候印发 什么时候发布 \
         什么时候出台 什么时候建成 什么时候申请 什么时候申报 什么时候报名 何时",
    ),
    (
        Aspect::Duration,
        "多长时间内 多少天内 几天之内 几日内 几天内 几个月内 几年内 多久之内 多久内 多久以内 有效期多久 有效期多长 有效期有多长 \
         有效期是多久 能领多久 领多久 领多长时间 有效多久 管多久 管多长时间 管多长 用多久 保存多久 保存多长时间 保存多少天 \
         保存几天 保存几年 提前多久 提前几天 多久一次 多久报送一次 住多久 交多久 缴多久 一期几年 每期几年 借期多少天",
    ),
    (
        Aspect::Fee,
        "收多少钱 收多少 收几块钱 收几块 交多少钱 缴多少钱 付多少钱 付多少 多少钱 要钱吗 收钱吗 花钱吗 收费标准是什么 收费标准是多少 收费标准 收费吗 怎么收费 要交钱 交钱吗 费用是多少 费用 \
         手续费 免费吗 收不收费 要不要钱 收不收钱 收费是多少 收费 花钱 几块钱 多少费用 得花多少 要花多少 花多少 得花几块 花几块 \
         怎么计价 怎么计费 什么价格 多少元 几元 几块 多少前",
    ),
    (
        Aspect::Time,
        "多久能办好 多久能拿到 多久 多长时间 几天 多少天 多少个工作日 几个工作日 办理时限 时限 什么时候能拿到 什么时候能办好 \
         多快 等多长 什么时候下来 什么时候 啥时候 多长 几个月 多少时间",
    ),
    (
        Aspect::Phone,
        "电话号码 咨询电话是多少 咨询电话 联系电话 管理电话 服务电话 电话是多少 打什么电话 打哪个电话 哪个电话 电话 联系方式 \
         打给谁 打哪个号 打啥号 打什么号 找谁打",
    ),
    (
        Aspect::Hours,
        "几点上班 几点下班 几点关门 几点开门 几点到几点 几点 上班时间 上不上班 上班吗 周末开放吗 周末 周六 周日 开门吗 关门 \
         办公时间 开放时间 开放吗 营业时间",
    ),
    (
        Aspect::Place,
        "在什么地方 在哪里 在哪儿 在哪 去哪里 去哪儿 去哪个 去哪 上哪儿 上哪 到哪里 到哪 哪里 哪儿 地址 地点 什么地方 \
         在哪个窗口 哪个窗口 几楼",
    ),
    (
        Aspect::Materials,
        "要带 要交什么 要交哪些 什么材料 哪些材料 申请材料 材料 带什么 带啥 带哪些 哪些证件 什么证件 准备什么 准备啥 准备哪些 \
         交什么 提交什么 提交哪些 要啥手续 什么手续",
    ),
    (
        Aspect::Legal,
        "法律依据 什么依据 依据是什么 依据 哪个文件规定 哪条规定",
    ),
    (
        Aspect::Quantity,
        "是多少 有多少 达到多少 多少 百分之几 几次 几成 几折 多大 多高 多重 多远 多小 第几期 第几",
    ),
    (
        Aspect::Conditions,
        "什么条件 哪些条件 条件 谁能 谁可以 什么人 哪些人 哪些单位 哪些企业 资格 什么要求 哪些要求 什么情况 \
         哪些情况 哪些情形 什么情形",
    ),
    (
        Aspect::Process,
        "怎么办理 怎么办 怎样办 怎么申请 怎么申领 怎么弄 如何办理 如何申请 流程 办理步骤 步骤 咋办 咋弄 咋整 程序 \
         走什么程序 第一步",
    ),
    (Aspect::Place, "哪个街道 哪个镇 哪个区 哪个大厅"),
];

/// Words that turn a question about time into one about how long something lasts.
pub(crate) const LASTS: &str = "过期 有效 到期 住满 保留";

/// Words that turn "how much money" from a fee to be paid into a sum to be received.
pub(crate) const RECEIVING: &str =
    "领 补贴 补助 津贴 奖励 发放 发多少 补多少 抵 能发 能拿多少 给多少 待遇";

/// Phrases that carry nothing.
pub(crate) const FILLER: &str = "满足 负责 开放 怎么算 算的 承担 六件 几件 事项 这件 那件 是指 指的是 需不需要 用不用 得多少 多大岁数 岁数 \
     大约多少 收取 缴纳多少 报上去 发下来 打头 搞的 管的 那套 这套 一套 办着办着 弄过来 弄成 想再 再办 一本 一张 哪家 咱这 我这 你们那 \
     老板 公家 掏钱 出钱 时间段 干什么 是怎样 怎么样的 规定是 规定的 按规定 有规定 的规定 要提交 需要提交 提出 提供 可否 方面 \
     一整天 整天 每天 最多扣 扣我 上去 过来 回来 先去 先搞 先干 先做 想问 问问 咨询一下 了解 说是 写着 写明 谁知道 啥 是谁 哪位 那么 办完 期间 方式 适用 办好 元旦 重新 过了 到手 下来 \
     多出来 怎么计算 如何计算 请问一下 请问 您好 你好 想问一下 想问下 问一下 问下 我想知道 想知道 我想 我要 我们 我家 \
     我的 你们 咱们 本人 需要 应该 应当 必须 要不要 是不是 能不能 可不可以 行不行 让不让 有没有 给不给 可以 是否 能否 什么 \
     哪些 哪个 哪种 的话 地方 一下 申请办理 办理 申请 申领 领取 时候 如果 怎么回事 一个 一共 总共 这个 那个 那种 那边 这边 这块 \
     现在 目前 今年 咱市 本市 全市 市里 告诉 之后 以后 以前 要求 一定 会怎么样 会怎样 怎么样 怎样 怎么 如何 多少 听说 据说 到底 \
     究竟 直接 自己 一般 大概 大约 左右 具体 分别 一次 一种 文件里 文件 写的 里面 里头 这里 那里 这种 为什么 为啥 干嘛 干啥 \
     咋整 咋 吗 呢 呀 啊 吧 已经 还能 还要 还是 还可以 得了 不了 想要 打算 准备 正在 刚刚 刚 我妈 我爸 我爷爷 我奶奶 爸妈 父母亲 \
     家里 家里人 别人 人家 朋友 是指 指什么 属于 关于 对于 根据 按照 进行 处理 达到 提出 东西 事情 事儿 事 相关 有关 各类 多种 \
     每个 几个 全部 所有 另外 其他 其它 随时 都行 光靠 就能 就要 还得 要先 先要 必要 情况 名称 叫什么 是什么 是啥 有啥 啥样 \
     要多 需多 怎么处理 会有 有什么 后果 在本 才能 才给 弄没 弄 搞 整 掏 搁 拿 跑过去 跑 过去 起来 下来 上来 出来 公家 政府能 多少岁";

/// Characters that carry nothing alone; a pair with one of them counts only if the texts have it.
/// Numerals are among them: they are the citizen's own case, seldom the text's words.
pub(crate) const FILLER_CHARS: &str = "我你咱他她它的得了吗呢吧啊呀哪谁啥去到在要想能会是有给用和与把被时就才还都最帮\
     拿弄几后办上下里个再从为以可请问交带领让行将该应须所各每其此某些此于由对向按等及或而且但若则又也只仅没不\
     一二三四五六七八九十百千万两多少怎么样什咋嘛哦呗罢着过来做搞整\
     最会每钱那这先另份阵趟些样种点次叫听您俩挺很太真越更刚曾";

/// Ways to ask for yes or no, taken out before words such as `不能` are looked for.
pub(crate) const YES_NO: &str = "能不能 可不可以 有没有 是不是 行不行 要不要 让不让 会不会 给不给 该不该 用不用 需不需要 是否可以 \
     能否 可否 是否 行吗 可以吗 可以不 还能不能 算不算 好不好 对不对 施行了没有 了没有";

/// Words that many matters share: alone they name none.
pub(crate) const GENERAL: &str = "登记 登记费 补办 补领 换领 证 证件 办证 公示 有效期 期限 材料 费用 工本费 咨询 丢了 弄丢 弄丢了 遗失 \
     补 年检 到期 过期 审核 受理 地址 手续 费 政策 补贴 补助 申请表 流程 多久";

/// Measure words of numbers, the longer first, each with what the texts may write.
pub(crate) const MEASURES: &[(&str, &str)] = &[
    ("个工作日", "工作日"),
    ("平方米", "平方米 平米 ㎡"),
    ("平米", "平方米 平米 ㎡"),
    ("亿元", "亿元"),
    ("万元", "万元 亿元"),
    ("公里", "公里 千米"),
    ("小时", "小时"),
    ("分钟", "分钟"),
    ("周岁", "周岁 岁"),
    ("钱", "元 免费 不收 比例 百分之 % 折"),
    ("元", "元 免费 不收"),
    ("块", "元 免费 不收"),
    ("岁", "周岁 岁"),
    ("户", "户"),
    ("套", "套"),
    ("台", "台 个"),
    ("所", "所 个"),
    ("家", "家 个 户"),
    ("册", "册 本"),
    ("本", "册 本"),
    ("张", "张 个 枚"),
    ("枚", "张 枚"),
    ("只", "只 条"),
    ("条", "只 条"),
    ("米", "米 厘米 公里"),
    ("p", "p"),
    ("座", "座 个"),
    ("名", "名 人"),
    ("人", "人 名"),
    ("倍", "倍"),
    ("折", "折"),
    ("度", "度 千瓦时 ℃"),
    ("期", "期"),
    ("个", "个 座 处 家 所 台 套 项 类 种 条 册"),
];

/// Pairs of characters of these tables, so that they are not taken for typing errors.
static OWN_PAIRS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let aspects = ASPECT_WORDS.iter().map(|(_, words)| *words);
    let tables = aspects.chain([FILLER, RECEIVING, LASTS]);
    tables
        .flat_map(str::split_whitespace)
        .flat_map(pairs)
        .collect()
});

/// Pairs of characters of these tables.
pub(crate) fn own_pairs() -> &'static HashSet<String> {
    &OWN_PAIRS
}

fn pairs(word: &str) -> Vec<String> {
    let chars: Vec<char> = word.chars().collect();
    chars.windows(2).map(|pair| pair.iter().collect()).collect()
}
