//! `zhisuan demo`: the main job for real, from an empty folder to a bill that adds up.

mod bill;
mod serve;
mod stage;
mod work;

use super::Context;
use crate::args::DemoArgs;
use crate::error::{Exit, Failure, Result};
use crate::stop;
use crate::words::{say, tr};
use stage::Stage;
use std::time::{Duration, Instant};

/// Time for work under way when stopping.
const GRACE: Duration = Duration::from_secs(5);
/// What a citizen asks.
const QUESTION: &str = "办理居住证需要什么材料?";

pub(super) async fn run(context: &Context, args: DemoArgs) -> Result<Exit> {
    stop::logging();
    let began = Instant::now();
    // The temporary folder lives as long as this value.
    let temporary = match &args.data_dir {
        Some(_) => None,
        None => Some(tempfile::Builder::new().prefix("zhisuan-demo-").tempdir()?),
    };
    let folder = match (&args.data_dir, &temporary) {
        (Some(folder), _) => folder.clone(),
        (None, Some(folder)) => folder.path().to_owned(),
        (None, None) => return Err(Failure::usage("ZS-DATA-DIR", "--data-dir")),
    };
    let mut stage = Stage::start(context.out, &folder).await?;
    let result = tokio::select! {
        result = play(&mut stage, &args) => result,
        () = stop::asked() => Err(Failure::new(
            Exit::Interrupted,
            "ZS-DEMO-INTERRUPTED",
            tr("演示被中断", "the demo was interrupted"),
        )),
    };
    let out = stage.out;
    stage.stack.shutdown(GRACE).await;
    result?;
    out.note(&say!(
        "\n演示完成,用时 {}",
        "\nthe demo is done, it took {}",
        crate::units::span(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX))
    ));
    Ok(Exit::Done)
}

/// The scenes in order.
async fn play(stage: &mut Stage, args: &DemoArgs) -> Result<()> {
    let base = args.model.as_str();
    stage.step(&say!(
        "下载并校验模型 {}",
        "fetching and checking the model {}",
        base
    ));
    let model = super::models::get(&stage.operator, base).await?;
    super::pull::fetch(&model, stage.out).await?;
    let mut languages = model.languages.iter();
    let chinese = languages.any(|language| language.starts_with("zh"));
    if !chinese {
        stage.out.note(&say!(
            "注意:{} 只会英语,下面的中文回答不可用作参考",
            "note: {} speaks English only",
            base
        ));
    }
    stage.step(tr(
        "新建租户 示例企业 并充值",
        "creating the tenant 示例企业 with a payment",
    ));
    stage.open_tenant().await?;
    let train = work::train_job(stage, base, args.steps, chinese)?;
    stage.step(tr("提交之前先算价", "a quote before submitting"));
    work::quote(stage, &train).await?;
    stage.step(&say!(
        "微调 LoRA,{} 步",
        "LoRA fine-tuning, {} steps",
        args.steps
    ));
    work::train(stage, &train).await?;
    stage.step(tr("批量推理作业", "a batch job"));
    work::batch(stage, base).await?;
    stage.step(tr("部署基座和适配器", "serving base and adapter"));
    serve::deploy(stage, base).await?;
    stage.step(tr(
        "通过 OpenAI 接口分别提问(流式)",
        "asking both through the OpenAI endpoint, streamed",
    ));
    serve::chat_both(stage, base, chinese).await?;
    stage.step(tr(
        "政务问答:答案逐句带出处",
        "a public-service question, answered with citations",
    ));
    serve::ask(stage, QUESTION).await?;
    stage.step(tr(
        "账单,并与账户核对",
        "the bill, checked against the account",
    ));
    bill::check(stage).await
}
