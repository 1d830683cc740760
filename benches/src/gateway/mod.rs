//! The gateway's own cost: latency that it adds, events it passes on, requests against LiteLLM's
//! proxy. Behind it are fakes that answer at once, so nothing else is measured.

mod drive;
mod fakes;
mod litellm;
#[macro_use]
#[path = "../../../serving/tests/it/fake_services.rs"]
mod fake_services;
mod scheduler;

use crate::args::Args;
use crate::report::{Report, Row, quantile};
use anyhow::{Context, Result, bail};
use drive::{Target, closed_loop, open_loop, streams};
use litellm::LiteLlm;
use scheduler::{FakeScheduler, KEY};
use std::time::Duration;
use zhisuan_proto::v1::{ExternalServer, Replica, Route};
use zhisuan_serving::{AuditOptions, Handle, Operations, Options};

const NOTE: &str = "fake scheduler, fake replica and fake OpenAI server in the same process as gateway and load \
generator; audit and labels are on. Added latency is the gateway's quantile less that of the fake OpenAI server asked \
directly by the same generator, rounds in turns.";

/// Runs the bench.
pub(crate) async fn run(args: &Args) -> Result<Report> {
    drop(rustls::crypto::ring::default_provider().install_default());
    let (rate, seconds) = (args.number("rate", 2_000)?, args.number("seconds", 5)?);
    let (count, tokens) = (args.number("streams", 64)?, args.number("tokens", 2_000)?);
    let (clients, rounds) = (args.number("clients", 64)?, args.number("rounds", 3)?);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let workers = args.number("workers", cores)?;
    let folder = tempfile::tempdir()?;
    let backend = fakes::openai().await?;
    let gateway = gateway(&backend, folder.path().join("audit")).await?;
    let url = format!("http://{}/v1", gateway.address());
    let direct = Target::new(&backend, "none", "tiny")?;
    let replica = Target::new(&url, KEY, "fake-replica")?;
    let external = Target::new(&url, KEY, "fake-server")?;
    let mut rows = added(&direct, &replica, rate, seconds, rounds).await?;
    rows.push(passed_on(&replica, count, tokens, rounds).await?);
    rows.push(
        against(
            &external,
            &backend,
            (clients, seconds, rounds, workers),
            folder.path(),
        )
        .await?,
    );
    gateway.shutdown(Duration::from_secs(5)).await;
    Ok(Report::new("gateway", NOTE, rows))
}

/// A gateway as operators run it, before the fakes.
async fn gateway(backend: &str, audit: std::path::PathBuf) -> Result<Handle> {
    let address = fakes::replica().await?;
    let replica = Route {
        model: "fake-replica".to_owned(),
        deployment: "fake-replica".to_owned(),
        context_length: 32_768,
        replicas: vec![Replica {
            address: address.to_string(),
            token: "fake".to_owned(),
            job_id: 1,
            epoch: 1,
        }],
        ..Route::default()
    };
    let server = Route {
        model: "fake-server".to_owned(),
        deployment: "fake-server".to_owned(),
        replicas: Vec::new(),
        external: Some(ExternalServer {
            url: backend.to_owned(),
            model: "tiny".to_owned(),
            api_key: String::new(),
        }),
        ..replica.clone()
    };
    let routes = vec![replica, server];
    let scheduler = fakes::scheduler(FakeScheduler { routes }).await?;
    let gateway = zhisuan_serving::start(Options {
        listen: "127.0.0.1:0".parse()?,
        scheduler_url: format!("http://{scheduler}"),
        key: "zs-gateway".to_owned(),
        max_inflight: 4_096,
        extra: None,
        operations: Operations {
            audit: Some(AuditOptions::in_folder(audit)),
            ..Operations::default()
        },
    })
    .await?;
    let url = format!("http://{}/healthz", gateway.address());
    for _ in 0..200 {
        if reqwest::get(&url).await?.status().is_success() {
            return Ok(gateway);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    bail!("the gateway never knew its routes")
}

/// What the gateway adds to a request's time at a fixed rate.
async fn added(
    direct: &Target,
    gateway: &Target,
    rate: usize,
    seconds: usize,
    rounds: usize,
) -> Result<Vec<Row>> {
    let (mut p50, mut p99, mut reached) = (Vec::new(), Vec::new(), Vec::new());
    // The first round warms connections and is not counted.
    for round in 0..=rounds {
        let (plain, _) = open_loop(direct, rate, seconds).await?;
        let (through, got) = open_loop(gateway, rate, seconds).await?;
        if round > 0 {
            p50.push(quantile(&through, 50) - quantile(&plain, 50));
            p99.push(quantile(&through, 99) - quantile(&plain, 99));
            reached.push(got);
        }
    }
    Ok(vec![
        Row::new(
            format!("added latency p50 at {rate}/s (fake replica)"),
            "ms",
            p50,
        ),
        Row::new(
            format!("added latency p99 at {rate}/s (fake replica)"),
            "ms",
            p99,
        ),
        Row::new("requests sent per second", "1/s", reached),
    ])
}

/// Events that the gateway passes on, per second of one core.
async fn passed_on(gateway: &Target, count: usize, tokens: usize, rounds: usize) -> Result<Row> {
    let mut samples = Vec::new();
    for _ in 0..rounds {
        let (events, seconds) = streams(gateway, count, tokens).await?;
        samples.push(events as f64 / seconds);
    }
    let name = format!(
        "stream events per core-second, {count} streams (fake replica and client included)"
    );
    Ok(Row::new(name, "1/s", samples))
}

/// Requests a second before the same fake OpenAI server, against LiteLLM's proxy.
async fn against(
    gateway: &Target,
    backend: &str,
    (clients, seconds, rounds, workers): (usize, usize, usize, usize),
    folder: &std::path::Path,
) -> Result<Row> {
    let peer = LiteLlm::start(backend, workers, folder).await?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..=rounds {
        let here = closed_loop(gateway, clients, seconds).await?;
        let there = match &peer {
            Some(peer) => closed_loop(&peer.target, clients, seconds)
                .await
                .context("LiteLLM")?,
            None => 0.0,
        };
        if round > 0 {
            ours.push(here);
            theirs.push(there);
        }
    }
    let row = Row::new(
        format!("requests per second, {clients} clients (fake OpenAI server)"),
        "1/s",
        ours,
    );
    let Some(peer) = &peer else {
        eprintln!(
            "no peer: set {} to a Python with litellm[proxy]",
            litellm::PYTHON
        );
        return Ok(row);
    };
    Ok(row.against(&peer.name, theirs))
}
