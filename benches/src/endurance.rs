//! A recorded trace of requests, scaled to this machine, with clients that hang up: nothing may
//! be lost, memory may not grow, and the ledger must say what was used.

use crate::args::Args;
use crate::load::{End, Seen, Target, Wish, fresh_prompt};
use crate::product::{Deploy, Product};
use crate::report::{Report, Row, quantile};
use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use zhisuan_proto::v1::{Page, StatementLine, StatementRequest};

/// Tokens are scaled down so that two cores can keep up with a trace of a fleet of GPUs.
const LONGEST_PROMPT_WORDS: usize = 400;
const LONGEST_ANSWER: usize = 128;
/// Every so many requests a client hangs up in the middle.
const LEAVES_EVERY: usize = 7;
/// Time for the last settlements to reach the ledger.
const SETTLE: Duration = Duration::from_secs(15);

/// One line of the trace, scaled.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Arrival {
    at_s: f64,
    words: usize,
    tokens: usize,
}

/// Runs the bench.
pub(crate) async fn run(args: &Args) -> Result<Report> {
    let trace = args.text("trace").context(
        "--trace FILE.csv with TIMESTAMP,ContextTokens,GeneratedTokens (the Azure LLM inference trace)",
    )?;
    let model = args.text("name").unwrap_or("smollm2-135m-instruct");
    let minutes = args.number("minutes", 60)?;
    let per_minute = args.number("per-minute", 60)?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let arrivals = scaled(&std::fs::read_to_string(trace)?, minutes, per_minute)?;
    let deploy = Deploy {
        model,
        threads: args.number("threads", cores)?,
        max_batch: args.number("streams", 16)?,
        memory_mib: args.number("memory", 2048)? as u64,
    };
    let product = Product::start(args.text("zhisuan"), &deploy).await?;
    let target = Arc::new(product.target(model)?);
    let (seen, memory) = replay(&product, &target, &arrivals).await;
    tokio::time::sleep(SETTLE).await;
    let charged = charged(&product).await?;
    let verdict = compare(&seen, &charged)?;
    let note = format!(
        "{model}, {} requests of {} over {minutes} min, lengths scaled down, every {LEAVES_EVERY}th client hangs up; \
         {} complete, {} hung up, {} refused as overload; ledger equal to usage for all",
        seen.len(),
        Path::new(trace)
            .file_name()
            .unwrap_or_default()
            .to_string_lossy(),
        verdict.complete,
        verdict.left,
        verdict.refused
    );
    let first: Vec<f64> = seen.iter().filter_map(|one| one.first_ms).collect();
    let gaps: Vec<f64> = seen.iter().flat_map(|one| one.gaps_ms.clone()).collect();
    let rows = vec![
        Row::new("resident memory over time", "MiB", memory.clone()),
        Row::new(
            "growth, last tenth over sixth tenth (the KV pool fills before)",
            "times",
            vec![growth(&memory)],
        ),
        Row::new(
            "time to first token",
            "ms",
            vec![
                quantile(&first, 50),
                quantile(&first, 90),
                quantile(&first, 99),
            ],
        ),
        Row::new(
            "inter-token gap p50, p90, p99",
            "ms",
            vec![
                quantile(&gaps, 50),
                quantile(&gaps, 90),
                quantile(&gaps, 99),
            ],
        ),
    ];
    Ok(Report::new("endurance", note, rows))
}

/// The first arrivals of the trace, their gaps stretched or squeezed to the wanted rate.
fn scaled(text: &str, minutes: usize, per_minute: usize) -> Result<Vec<Arrival>> {
    let wanted = minutes * per_minute;
    let mut arrivals = Vec::with_capacity(wanted);
    for (number, line) in text.lines().enumerate().skip(1).take(wanted) {
        let mut fields = line.split(',');
        let mut field = || {
            fields
                .next()
                .with_context(|| format!("line {}: too few fields", number + 1))
        };
        let at_s = seconds_of_day(field()?).with_context(|| format!("line {}", number + 1))?;
        let (context, answer): (usize, usize) =
            (field()?.trim().parse()?, field()?.trim().parse()?);
        arrivals.push(Arrival {
            at_s,
            words: (context / 8).clamp(4, LONGEST_PROMPT_WORDS),
            tokens: (answer / 4).clamp(2, LONGEST_ANSWER),
        });
    }
    let (Some(first), Some(last)) = (arrivals.first().copied(), arrivals.last().copied()) else {
        bail!("the trace is empty");
    };
    let span = (last.at_s - first.at_s).max(1.0);
    let stretch = arrivals.len() as f64 / per_minute as f64 * 60.0 / span;
    for arrival in &mut arrivals {
        arrival.at_s = (arrival.at_s - first.at_s) * stretch;
    }
    Ok(arrivals)
}

/// Of "2023-11-16 18:15:46.6805900"; the trace is shorter than a day.
fn seconds_of_day(stamp: &str) -> Result<f64> {
    let clock = stamp.split_whitespace().nth(1).context("no time of day")?;
    let mut seconds = 0.0;
    for part in clock.split(':') {
        seconds = seconds * 60.0 + part.parse::<f64>()?;
    }
    Ok(seconds)
}

async fn replay(
    product: &Product,
    target: &Arc<Target>,
    arrivals: &[Arrival],
) -> (Vec<Seen>, Vec<f64>) {
    let begin = Instant::now();
    let mut memory = Vec::new();
    let mut running = JoinSet::new();
    for (number, arrival) in arrivals.iter().enumerate() {
        let due = begin + Duration::from_secs_f64(arrival.at_s);
        tokio::time::sleep_until(due.into()).await;
        if number % 10 == 0 {
            memory.push(product.resident_mib());
        }
        let leave = (number % LEAVES_EVERY == LEAVES_EVERY - 1).then_some(1 + arrival.tokens / 3);
        let wish = Wish {
            prompt: fresh_prompt(number as u64, arrival.words),
            tokens: arrival.tokens,
            never: Vec::new(),
            leave_after: leave,
        };
        let target = Arc::clone(target);
        running.spawn(async move { target.ask(&wish).await });
    }
    let seen = running.join_all().await;
    memory.push(product.resident_mib());
    (seen, memory)
}

/// Mean of the last tenth over the mean of the sixth: in the first half prompts fill the memory
/// that the replica was granted for keys and values.
fn growth(memory: &[f64]) -> f64 {
    let tenth = (memory.len() / 10).max(1);
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len().max(1) as f64;
    let full = memory.get(5 * tenth..6 * tenth).unwrap_or(memory);
    mean(&memory[memory.len().saturating_sub(tenth)..]) / mean(full).max(1.0)
}

/// Tokens charged for one request.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Charged {
    prompt: u64,
    completion: u64,
}

/// What the ledger says, by request.
async fn charged(product: &Product) -> Result<BTreeMap<String, Charged>> {
    let mut billing = product.billing().await?;
    let mut all: BTreeMap<String, Charged> = BTreeMap::new();
    let mut token = String::new();
    loop {
        let request = StatementRequest {
            tenant: "local".to_owned(),
            page: Some(Page { limit: 1000, token }),
            ..StatementRequest::default()
        };
        let answer = billing.statement(request).await?.into_inner();
        for line in &answer.lines {
            book(&mut all, line);
        }
        token = answer.next_page_token;
        if token.is_empty() {
            return Ok(all);
        }
    }
}

fn book(all: &mut BTreeMap<String, Charged>, line: &StatementLine) {
    if line.request_id.is_empty() {
        return;
    }
    let entry = all.entry(line.request_id.clone()).or_default();
    if line.sku.starts_with("tokens-in") {
        entry.prompt += line.quantity;
    } else {
        entry.completion += line.quantity;
    }
}

struct Verdict {
    complete: usize,
    left: usize,
    refused: usize,
}

/// Complete answers are charged exactly; of a client that hung up, at least what it was sent.
fn compare(seen: &[Seen], charged: &BTreeMap<String, Charged>) -> Result<Verdict> {
    let mut verdict = Verdict {
        complete: 0,
        left: 0,
        refused: 0,
    };
    for one in seen {
        let booked = charged.get(&one.id).copied();
        match &one.end {
            End::Complete => {
                verdict.complete += 1;
                let used = Charged {
                    prompt: one.prompt_tokens,
                    completion: one.completion_tokens,
                };
                ensure!(
                    booked == Some(used),
                    "request {}: used {used:?}, charged {booked:?}",
                    one.id
                );
            }
            End::Left => {
                verdict.left += 1;
                let sent = one.pieces as u64;
                ensure!(
                    booked.is_some_and(|booked| booked.completion >= sent && booked.prompt > 0),
                    "request {}: hung up after {sent} pieces, charged {booked:?}",
                    one.id
                );
            }
            End::Refused(429 | 503, _) => verdict.refused += 1,
            other => bail!("request {} was lost: {other:?}", one.id),
        }
    }
    Ok(verdict)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::{Charged, compare, growth, scaled};
    use crate::load::{End, Seen};
    use std::collections::BTreeMap;

    const TRACE: &str = "TIMESTAMP,ContextTokens,GeneratedTokens\n\
        2023-11-16 18:15:46.0,374,44\n2023-11-16 18:15:56.0,40000,4000\n2023-11-16 18:16:46.0,8,1\n";

    #[test]
    fn a_trace_keeps_its_shape_at_another_rate() {
        let arrivals = scaled(TRACE, 1, 3).unwrap();
        let times: Vec<f64> = arrivals.iter().map(|a| a.at_s).collect();
        assert_eq!(times, [0.0, 10.0, 60.0]);
        assert_eq!((arrivals[1].words, arrivals[1].tokens), (400, 128));
        assert_eq!((arrivals[2].words, arrivals[2].tokens), (4, 2));
        assert!(scaled("TIMESTAMP\n", 1, 1).is_err());
    }

    fn seen(end: End) -> Seen {
        Seen {
            id: "r".to_owned(),
            first_ms: None,
            gaps_ms: Vec::new(),
            pieces: 3,
            prompt_tokens: 5,
            completion_tokens: 9,
            end,
        }
    }

    #[test]
    fn a_wrong_bill_and_a_lost_request_are_noticed() {
        let book =
            |prompt, completion| BTreeMap::from([("r".to_owned(), Charged { prompt, completion })]);
        assert!(compare(&[seen(End::Complete)], &book(5, 9)).is_ok());
        assert!(compare(&[seen(End::Complete)], &book(5, 8)).is_err());
        assert!(compare(&[seen(End::Complete)], &BTreeMap::new()).is_err());
        assert!(compare(&[seen(End::Left)], &book(5, 3)).is_ok());
        assert!(compare(&[seen(End::Left)], &book(5, 2)).is_err());
        assert!(compare(&[seen(End::Refused(429, String::new()))], &BTreeMap::new()).is_ok());
        assert!(compare(&[seen(End::Broken("x".to_owned()))], &book(5, 9)).is_err());
    }

    #[test]
    fn growth_compares_late_with_early() {
        let flat = vec![100.0; 40];
        assert!((growth(&flat) - 1.0).abs() < 1e-9);
        let rising: Vec<f64> = (0..40).map(|i| 100.0 + f64::from(i)).collect();
        assert!(growth(&rising) > 1.1);
    }
}
