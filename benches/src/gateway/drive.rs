//! Load on a server: requests at a fixed rate, or as fast as they are answered.

use anyhow::{Context, Result, ensure};
use futures::StreamExt as _;
use futures::future::join_all;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A server that is asked.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) url: String,
    pub(super) key: String,
    pub(super) model: String,
    pub(super) http: reqwest::Client,
}

impl Target {
    pub(super) fn new(url: &str, key: &str, model: &str) -> Result<Self> {
        let http = reqwest::Client::builder()
            .tcp_nodelay(true)
            .pool_max_idle_per_host(1_024)
            .timeout(Duration::from_mins(1))
            .build()
            .context("no HTTP client")?;
        Ok(Self {
            url: format!("{url}/chat/completions"),
            key: key.to_owned(),
            model: model.to_owned(),
            http,
        })
    }

    fn request(&self, tokens: usize, stream: bool) -> reqwest::RequestBuilder {
        let messages = json!([{"role": "user", "content": "您好，请问户籍迁移需要哪些材料？"}]);
        let body: Value = json!({
            "model": self.model, "messages": messages, "max_tokens": tokens, "stream": stream,
        });
        self.http.post(&self.url).bearer_auth(&self.key).json(&body)
    }

    /// Milliseconds until the whole answer.
    async fn whole(&self) -> Result<f64> {
        let began = Instant::now();
        let answer = self.request(1, false).send().await?;
        ensure!(answer.status().is_success(), "answered {}", answer.status());
        answer.bytes().await?;
        Ok(began.elapsed().as_secs_f64() * 1e3)
    }
}

/// Latencies at `rate` requests a second, sent when they are due and not when others are done; and
/// the rate that this generator really reached.
pub(super) async fn open_loop(
    target: &Target,
    rate: usize,
    seconds: usize,
) -> Result<(Vec<f64>, f64)> {
    let count = rate * seconds;
    let began = Instant::now();
    let mut asked = Vec::with_capacity(count);
    for number in 0..count {
        let due = began + Duration::from_secs_f64(number as f64 / rate as f64);
        // The timer's tick is one millisecond: what is due within it is sent together.
        if due > Instant::now() {
            tokio::time::sleep_until(due.into()).await;
        }
        let target = target.clone();
        asked.push(tokio::spawn(async move { target.whole().await }));
    }
    let reached = count as f64 / began.elapsed().as_secs_f64();
    let mut times = Vec::with_capacity(count);
    for answer in asked {
        times.push(answer.await??);
    }
    Ok((times, reached))
}

/// Whole answers a second by `clients` that each ask again at once.
pub(super) async fn closed_loop(target: &Target, clients: usize, seconds: usize) -> Result<f64> {
    let until = Instant::now() + Duration::from_secs(seconds as u64);
    let began = Instant::now();
    let one = || async {
        let mut done = 0_u64;
        while Instant::now() < until {
            target.whole().await?;
            done += 1;
        }
        anyhow::Ok(done)
    };
    let mut sum = 0;
    for done in join_all((0..clients).map(|_| one())).await {
        sum += done?;
    }
    Ok(sum as f64 / began.elapsed().as_secs_f64())
}

/// Events of `streams` streams of `tokens` each, and the seconds of processor time of this whole
/// process in which they were made, passed on and read.
pub(super) async fn streams(target: &Target, streams: usize, tokens: usize) -> Result<(u64, f64)> {
    let events = Arc::new(AtomicU64::new(0));
    let before = processor_seconds()?;
    let one = |target: Target, events: Arc<AtomicU64>| async move {
        let answer = target.request(tokens, true).send().await?;
        ensure!(answer.status().is_success(), "answered {}", answer.status());
        let mut pieces = answer.bytes_stream();
        while let Some(piece) = pieces.next().await {
            let piece = piece?;
            // Every event of a stream ends with an empty line.
            let ends = piece.windows(2).filter(|pair| pair == b"\n\n").count();
            events.fetch_add(ends as u64, Ordering::Relaxed);
        }
        anyhow::Ok(())
    };
    let running: Vec<_> = (0..streams)
        .map(|_| tokio::spawn(one(target.clone(), Arc::clone(&events))))
        .collect();
    for stream in running {
        stream.await??;
    }
    let seconds = processor_seconds()? - before;
    Ok((events.load(Ordering::Relaxed), seconds))
}

/// User and system time of this process. The kernel counts in hundredths of a second.
fn processor_seconds() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").context("no /proc/self/stat")?;
    // The name in parentheses may have spaces; the fields after it do not.
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let field = |index: usize| {
        rest.split_whitespace()
            .nth(index)
            .and_then(|n| n.parse().ok())
    };
    let ticks: Option<f64> = field(11)
        .zip(field(12))
        .map(|(user, system): (f64, f64)| user + system);
    Ok(ticks.context("odd /proc/self/stat")? / 100.0)
}
