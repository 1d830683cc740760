//! Arguments of the knowledge base and of evaluations.

use crate::words::tr;
use clap::{ArgGroup, Args, Subcommand};
use std::path::PathBuf;

#[derive(Args)]
pub(crate) struct KbArgs {
    #[arg(long, global = true, value_name = "BASE", help = tr("哪个知识库;默认是市民问的那个", "which knowledge base; by default the one that citizens ask"))]
    pub(crate) base: Option<String>,
    #[command(subcommand)]
    pub(crate) verb: KbVerb,
}

#[derive(Subcommand)]
pub(crate) enum KbVerb {
    #[command(about = tr("文件入库并检查质量", "bring files in and judge them"))]
    Add(KbAddArgs),
    #[command(about = tr("列出文件版本", "list versions"))]
    List(KbListArgs),
    #[command(about = tr("显示一个版本", "show a version"))]
    Show(KbVersionArg),
    #[command(about = tr("质量报告:问题、位置、建议的修正", "what the gate found, where, and proposed repairs"))]
    Findings(KbVersionArg),
    #[command(about = tr("接受建议的修正", "accept proposed repairs"))]
    Repair(KbRepairArgs),
    #[command(about = tr("发布;可疑的或改过的须由另一人发布", "publish; another person must where it is suspicious or changed"))]
    Publish(KbPublishArgs),
    #[command(about = tr("撤下", "take out of the base"))]
    Withdraw(KbWithdrawArgs),
    #[command(about = tr("更正文件信息;空值表示文中未写明", "correct the head; an empty value says that the text does not tell"))]
    Head(Box<KbHeadArgs>),
    #[command(about = tr("宣布从某日起失效", "say that it is out of force from a day on"))]
    Repeal(KbRepealArgs),
    #[command(about = tr("谁在什么时候做了什么", "who did what and when"))]
    History(KbHistoryArgs),
    #[command(about = tr("两个版本的差异", "what changed between two versions"))]
    Diff(KbDiffArgs),
    #[command(about = tr("取出原件", "the file as it came in"))]
    Raw(KbRawArgs),
    #[command(about = tr("删去一份问答的内容,日志链不变", "forget what was asked and answered; the chain stays whole"))]
    Erase(KbIdArg),
    #[command(about = tr("谁可以提问:查看或更改", "who may ask: see or change"))]
    Audience(KbAudienceArgs),
    #[command(about = tr("本地:没写地区的问题按哪里的规定回答;查看或更改", "the place that questions are about which name none: see or change"))]
    Home(KbHomeArgs),
    #[command(about = tr("知识库:列出、新建", "knowledge bases: list, add"))]
    Base(KbBaseArgs),
    #[command(about = tr("检索段落", "search passages"))]
    Search(KbSearchArgs),
    #[command(about = tr("待办:没答上来的、评价低的", "work: unanswered questions, low ratings"))]
    Items(KbItemsArgs),
    #[command(about = tr("冲突:现行文件里说法不一的句子", "contradictions between texts in force"))]
    Conflicts(KbConflictsArgs),
    #[command(about = tr("同义词:查看、提出、核对", "synonyms: see, propose, settle"))]
    Synonyms(KbSynonymsArgs),
    #[command(about = tr("问题库:市民的问法和回答它的原文;查看、提出、核对", "the question bank: how people ask, and the words that answer; see, propose, settle"))]
    Questions(KbQuestionsArgs),
    #[command(about = tr("关闭或打开一个主题", "switch a theme off or on"))]
    Theme(KbThemeArgs),
    #[command(about = tr("热线工单:类别、承办单位、答复草稿", "a hotline ticket: class, body, draft"))]
    Hotline(KbTextArg),
    #[cfg(feature = "server")]
    #[command(about = tr("核对问答日志链,不需要服务", "check the chain of answers; needs no server"))]
    Verify(KbVerifyArgs),
    #[command(about = tr("按编号重算一份回答,比较是否相同", "make an answer again and compare"))]
    Replay(KbIdArg),
}

#[derive(Args)]
pub(crate) struct KbAddArgs {
    #[arg(value_name = "FILE", required = true, help = tr("TXT、Markdown、HTML、DOCX、XLSX、PDF", "TXT, Markdown, HTML, DOCX, XLSX, PDF"))]
    pub(crate) files: Vec<PathBuf>,
    #[arg(long, value_name = "NAME", help = tr("属于哪份文件;默认用文件名", "the document that it is a version of; the file's name by default"))]
    pub(crate) document: Option<String>,
}

#[derive(Args)]
pub(crate) struct KbListArgs {
    #[arg(long, value_name = "STAGE", value_parser = ["quarantined", "ready", "published", "withdrawn"], help = tr("只看这个状态", "of this stage"))]
    pub(crate) stage: Option<String>,
}

#[derive(Args)]
pub(crate) struct KbVersionArg {
    #[arg(value_name = "DOCUMENT[@N]", help = tr("文件名称,可带版本号;默认最新", "name of the document, with a number; the newest by default"))]
    pub(crate) version: String,
}

#[derive(Args)]
pub(crate) struct KbPublishArgs {
    #[arg(value_name = "DOCUMENT[@N]", help = tr("文件名称,可带版本号;默认最新", "name of the document, with a number; the newest by default"))]
    pub(crate) version: String,
    #[arg(long, value_name = "CODE", help = tr("kb show 显示的核对码:之后有改动就不发布", "the code that kb show tells: what was changed since is not published"))]
    pub(crate) seen: Option<String>,
}

#[derive(Args)]
#[group(skip)]
#[command(group = ArgGroup::new("fields").required(true).multiple(true))]
pub(crate) struct KbHeadArgs {
    #[arg(value_name = "DOCUMENT[@N]", help = tr("文件名称,可带版本号", "name of the document, with a number"))]
    pub(crate) version: String,
    #[arg(long, value_name = "TEXT", group = "fields", help = tr("标题", "title"))]
    pub(crate) title: Option<String>,
    #[arg(long, value_name = "TEXT", group = "fields", help = tr("文号", "document number"))]
    pub(crate) number: Option<String>,
    #[arg(long, value_name = "TEXT", group = "fields", help = tr("发布机构", "issuer"))]
    pub(crate) issuer: Option<String>,
    #[arg(long, value_name = "TEXT", group = "fields", help = tr("适用地区", "place"))]
    pub(crate) place: Option<String>,
    #[arg(long, value_name = "TEXT", group = "fields", help = tr("主题", "theme"))]
    pub(crate) theme: Option<String>,
    #[arg(long, value_name = "STATE", group = "fields", value_parser = ["in_force", "draft", "repealed", "unstated"], help = tr("效力", "its force"))]
    pub(crate) declared: Option<String>,
    #[arg(long, value_name = "NAMES", group = "fields", help = tr("代替哪些文件,用顿号分开", "what it replaces, parted by commas"))]
    pub(crate) supersedes: Option<String>,
    #[arg(long, value_name = "DATE", group = "fields", help = tr("成文日期", "when it was written"))]
    pub(crate) written: Option<String>,
    #[arg(long, value_name = "DATE", group = "fields", help = tr("公开日期", "when it was made public"))]
    pub(crate) published: Option<String>,
    #[arg(long, value_name = "DATE", group = "fields", help = tr("生效日期", "first day in force"))]
    pub(crate) effective: Option<String>,
    #[arg(long, value_name = "DATE", group = "fields", help = tr("失效日期", "first day out of force"))]
    pub(crate) repealed: Option<String>,
}

#[derive(Args)]
pub(crate) struct KbRepealArgs {
    #[arg(value_name = "DOCUMENT[@N]", help = tr("文件名称,可带版本号", "name of the document, with a number"))]
    pub(crate) version: String,
    #[arg(long, value_name = "DATE", help = tr("从这一天起失效", "out of force from this day on"))]
    pub(crate) from: String,
}

#[derive(Args)]
pub(crate) struct KbHistoryArgs {
    #[arg(value_name = "DOCUMENT[@N]", help = tr("只看这份文件或这一版", "of this document or version"))]
    pub(crate) object: Option<String>,
}

#[derive(Args)]
pub(crate) struct KbDiffArgs {
    #[arg(value_name = "DOCUMENT", help = tr("文件名称", "name of the document"))]
    pub(crate) document: String,
    #[arg(value_name = "FROM", help = tr("旧版本号", "number of the older version"))]
    pub(crate) from: u32,
    #[arg(value_name = "TO", help = tr("新版本号", "number of the newer version"))]
    pub(crate) to: u32,
}

#[derive(Args)]
pub(crate) struct KbRawArgs {
    #[arg(value_name = "DOCUMENT[@N]", help = tr("文件名称,可带版本号;默认最新", "name of the document, with a number; the newest by default"))]
    pub(crate) version: String,
    #[arg(long, value_name = "FILE", help = tr("写到文件;默认写到标准输出", "write to a file; to stdout by default"))]
    pub(crate) to: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct KbAudienceArgs {
    #[arg(value_name = "public|staff|ID,ID", help = tr("所有人、全体工作人员,或逗号分开的人员编号;不给则查看", "everybody, the staff, or ids of people parted by commas; shown where not given"))]
    pub(crate) audience: Option<String>,
}

#[derive(Args)]
pub(crate) struct KbHomeArgs {
    #[arg(value_name = "PLACE", help = tr("地区,如云麓市;不给则查看", "the place, such as 云麓市; shown where not given"))]
    pub(crate) place: Option<String>,
    #[arg(long, conflicts_with = "place", help = tr("不再指定,由文件推定", "leave it to the texts"))]
    pub(crate) clear: bool,
}

#[derive(Args)]
pub(crate) struct KbBaseArgs {
    #[command(subcommand)]
    pub(crate) verb: KbBaseVerb,
}

#[derive(Subcommand)]
pub(crate) enum KbBaseVerb {
    #[command(about = tr("列出您可以用的知识库", "list the bases that are there for you"))]
    List,
    #[command(about = tr("新建知识库", "add a base"))]
    Add(KbBaseAddArgs),
}

#[derive(Args)]
pub(crate) struct KbBaseAddArgs {
    #[arg(value_name = "NAME", help = tr("名称:小写字母、数字和连字符", "its name: small letters, digits and hyphens"))]
    pub(crate) name: String,
    #[arg(long, value_name = "TEXT", help = tr("给人看的名称;默认同名称", "its name for people; NAME by default"))]
    pub(crate) title: Option<String>,
    #[arg(long, value_name = "PLACE", help = tr("本地,如云麓市", "the place that it speaks for"))]
    pub(crate) place: Option<String>,
    #[arg(long, value_name = "public|staff|ID,ID", default_value = "staff", help = tr("谁可以用:所有人、全体工作人员,或逗号分开的人员编号", "for whom: everybody, the staff, or ids of people parted by commas"))]
    pub(crate) audience: String,
}

#[derive(Args)]
#[group(skip)]
#[command(group = ArgGroup::new("repairs").required(true))]
pub(crate) struct KbRepairArgs {
    #[arg(value_name = "DOCUMENT[@N]", help = tr("文件名称,可带版本号", "name of the document, with a number"))]
    pub(crate) version: String,
    #[arg(long, value_name = "F.R.START", group = "repairs", help = tr("接受这一处(findings 列出的编号),可重复", "accept this one (as findings names it), repeatable"))]
    pub(crate) pick: Vec<String>,
    #[arg(long, group = "repairs", help = tr("接受全部建议", "accept all proposals"))]
    pub(crate) all: bool,
    #[arg(long, group = "repairs", help = tr("撤回全部修正", "take back all repairs"))]
    pub(crate) drop: bool,
}

#[derive(Args)]
pub(crate) struct KbWithdrawArgs {
    #[arg(value_name = "DOCUMENT[@N]", help = tr("文件名称,可带版本号", "name of the document, with a number"))]
    pub(crate) version: String,
    #[arg(long, value_name = "TEXT", help = tr("理由", "why"))]
    pub(crate) reason: String,
}

#[derive(Args)]
pub(crate) struct KbSearchArgs {
    #[arg(value_name = "QUESTION", help = tr("问题;- 从标准输入读", "the question; - reads stdin"))]
    pub(crate) question: String,
    #[arg(long, value_name = "DATE", help = tr("按哪一天", "as of this day"))]
    pub(crate) as_of: Option<String>,
    #[arg(long, value_name = "N", default_value_t = 10, help = tr("几段", "how many"))]
    pub(crate) top: usize,
}

#[derive(Args)]
pub(crate) struct KbItemsArgs {
    #[arg(long, help = tr("包括已办结的", "also what is done"))]
    pub(crate) all: bool,
    #[arg(long, value_name = "ID", requires = "outcome", help = tr("办结这一件", "close this one"))]
    pub(crate) close: Option<i64>,
    #[arg(long, value_name = "TEXT", requires = "close", help = tr("怎么处理的", "what was done"))]
    pub(crate) outcome: Option<String>,
    #[arg(long, value_name = "TEXT", requires_all = ["close", "question"], help = tr("正确回答里必须有的原文,成为回归题", "what the answer must hold; becomes a regression question"))]
    pub(crate) expected: Option<String>,
    #[arg(long, value_name = "TEXT", requires = "expected", help = tr("回归题的问题", "the regression's question"))]
    pub(crate) question: Option<String>,
}

#[derive(Args)]
pub(crate) struct KbConflictsArgs {
    #[arg(long, value_name = "DATE", help = tr("按哪一天,默认今天", "as of this day, today by default"))]
    pub(crate) as_of: Option<String>,
    #[arg(long, value_name = "ID", help = tr("把这一处转为待办", "make work of this one"))]
    pub(crate) work: Option<String>,
}

#[derive(Args)]
pub(crate) struct KbSynonymsArgs {
    #[arg(long, value_name = "WORD=MEANS", help = tr("提出:市民的词=文件的词、文件的词", "propose: word=meaning、meaning"))]
    pub(crate) propose: Option<String>,
    #[arg(long, value_name = "WORD=MEANS", conflicts_with = "propose", help = tr("接受别人提出的,照看到的写:词=词、词", "accept what another proposed, as it was seen: word=meaning、meaning"))]
    pub(crate) accept: Option<String>,
    #[arg(long, value_name = "WORD", conflicts_with_all = ["propose", "accept"], help = tr("不接受", "refuse"))]
    pub(crate) refuse: Option<String>,
}

#[derive(Args)]
#[group(skip)]
#[command(group = ArgGroup::new("deed"))]
pub(crate) struct KbQuestionsArgs {
    #[arg(long, conflicts_with = "deed", help = tr("只看待核的", "those that wait for a checker"))]
    pub(crate) waiting: bool,
    #[arg(long, value_name = "NAME", conflicts_with_all = ["import", "refuse", "withdraw"], help = tr("哪份文件", "of this document"))]
    pub(crate) document: Option<String>,
    #[arg(long, conflicts_with = "deed", help = tr("只看原文已不在的", "those whose words stand no more"))]
    pub(crate) stale: bool,
    #[arg(long, value_name = "FILE", group = "deed", help = tr("提出一个文件里的全部问题(JSONL)", "propose all questions of a file (JSONL)"))]
    pub(crate) import: Option<PathBuf>,
    #[arg(long, value_name = "QUESTION", group = "deed", requires_all = ["document", "quote"], help = tr("提出一种问法,可重复", "propose a way to ask, repeatable"))]
    pub(crate) propose: Vec<String>,
    #[arg(long, value_name = "TEXT", requires = "propose", help = tr("回答它的原文,照文件抄写", "the words of the document that answer it"))]
    pub(crate) quote: Option<String>,
    #[arg(long, requires = "propose", help = tr("没有文件回答它,原文只是最接近", "no document answers it: the words only come near"))]
    pub(crate) unanswered: bool,
    #[arg(long, value_name = "ID|all", group = "deed", num_args = 1.., value_delimiter = ',', help = tr("接受别人提出的;all 为全部(可加 --document)", "accept what others proposed; all of it (of --document) with all"))]
    pub(crate) accept: Vec<String>,
    #[arg(long, value_name = "ID", group = "deed", num_args = 1.., value_delimiter = ',', help = tr("不接受", "refuse"))]
    pub(crate) refuse: Vec<i64>,
    #[arg(long, value_name = "ID", group = "deed", num_args = 1.., value_delimiter = ',', help = tr("撤下生效的", "take out of force"))]
    pub(crate) withdraw: Vec<i64>,
}

#[derive(Args)]
pub(crate) struct KbThemeArgs {
    #[arg(value_name = "THEME", help = tr("主题", "theme"))]
    pub(crate) theme: String,
    #[arg(long, conflicts_with = "open", required_unless_present = "open", help = tr("关闭:一律转人工", "off: people answer"))]
    pub(crate) close: bool,
    #[arg(long, help = tr("打开", "on"))]
    pub(crate) open: bool,
}

#[derive(Args)]
pub(crate) struct KbTextArg {
    #[arg(value_name = "TEXT", help = tr("来电内容;- 从标准输入读", "what was said; - reads stdin"))]
    pub(crate) text: String,
}

#[derive(Args)]
pub(crate) struct KbIdArg {
    #[arg(value_name = "ID", help = tr("回答的编号", "id of the answer"))]
    pub(crate) id: String,
}

#[cfg(feature = "server")]
#[derive(Args)]
pub(crate) struct KbVerifyArgs {
    #[arg(value_name = "PATH", help = tr("问答日志的目录(数据文件夹/knowledge/answers)或其中一个文件", "the folder of the log (DATA/knowledge/answers) or one file of it"))]
    pub(crate) path: PathBuf,
    #[command(flatten)]
    pub(crate) head: super::HeadArg,
    #[arg(long, conflicts_with = "head", help = tr("缺失的记录找不回来时,按现状继续;知识库的经过里记下这件事", "go on with the log as it is where what is missing cannot be had back; the library's history keeps that"))]
    pub(crate) accept_loss: bool,
}

#[cfg(feature = "server")]
#[derive(Args)]
pub(crate) struct EvalArgs {
    #[command(subcommand)]
    pub(crate) verb: EvalVerb,
}

#[cfg(feature = "server")]
#[derive(Subcommand)]
pub(crate) enum EvalVerb {
    #[command(about = tr("知识问答:按类型和风格的成绩表,不需要服务", "knowledge questions: a table by type and style; needs no server"))]
    Qa(EvalQaArgs),
}

#[cfg(feature = "server")]
#[derive(Args)]
pub(crate) struct EvalQaArgs {
    #[arg(long, value_name = "DIR", default_value = "examples/knowledge", help = tr("示例知识库", "the sample base"))]
    pub(crate) knowledge: PathBuf,
    #[arg(long, value_name = "DIR", default_value = "../shared/seeds", help = tr("规划文件;没有就跳过", "planning documents; left out where absent"))]
    pub(crate) seeds: PathBuf,
    #[arg(long, value_name = "DIR", default_value = "examples/evaluation", help = tr("评测题:qa-tune.jsonl 与 qa-blind.jsonl", "questions: qa-tune.jsonl and qa-blind.jsonl"))]
    pub(crate) questions: PathBuf,
    #[arg(long, value_name = "FILE", conflicts_with = "questions", help = tr("只评这一份题,逐题可看", "this file of questions alone, not blind"))]
    pub(crate) file: Option<PathBuf>,
    #[arg(long, value_name = "FILE", requires = "file", help = tr("另写出证据门槛看到的数值,供 examples/evaluation/fit.py 拟合", "also write what the evidence gate sees, for examples/evaluation/fit.py"))]
    pub(crate) samples: Option<PathBuf>,
    #[arg(long, value_name = "DIR", conflicts_with_all = ["questions", "knowledge", "writer", "samples"], help = tr("改为评测这个数据文件夹里在用的知识库:更正过的问题,和 --file 的题", "measures the base in use in this data folder instead: its corrected questions, and those of --file"))]
    pub(crate) data: Option<PathBuf>,
    #[arg(long, value_name = "MODEL", help = tr("向量模型:内置目录里的名称(如 multilingual-e5-small,没有就下载),或者文件;不写就只用词", "model for vectors: a name of the built-in catalogue such as multilingual-e5-small (fetched when absent) or a file; words alone without it"))]
    pub(crate) embedder: Option<String>,
    #[arg(long, value_name = "DATE", default_value = "2026-11-22", help = tr("没写日期的题按哪一天", "the day of questions that name none"))]
    pub(crate) as_of: jiff::civil::Date,
    #[arg(long, value_name = "MODEL", help = tr("改为评测这个模型的改写,走网关;只用调试部分", "measures rewording by this model instead, through the gateway; tuning part only"))]
    pub(crate) writer: Option<String>,
    #[arg(long, value_name = "N", requires = "writer", help = tr("只取约 N 题,均匀抽取", "about N questions, evenly taken"))]
    pub(crate) sample: Option<usize>,
    #[arg(long, help = tr("列出没答对的题(不含盲测部分)", "list what went wrong, blind part apart"))]
    pub(crate) wrong: bool,
}
