//! Products with each block format for one row and for many, beside the memory's speed.

use crate::args::Args;
use crate::report::{Report, Row};
use anyhow::Result;
use std::time::Instant;
use zhisuan_engine::KernelProbe;

/// Outputs and inputs of a matrix, about a feed-forward layer of a model of 0.5 billion weights.
const SHAPE: (usize, usize) = (4864, 1024);
/// Matrices for one token: far more bytes than the caches hold.
const MANY: usize = 32;
/// Numbers to read for the memory's speed: 512 MiB.
const NUMBERS: usize = 64 << 20;

/// Runs the bench.
pub(crate) fn run(args: &Args) -> Result<Report> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (most, rounds) = (args.number("threads", cores)?, args.number("rounds", 5)?);
    let mut counts = vec![1, most];
    counts.dedup();
    let data = vec![1u64; NUMBERS];
    let mut rows = Vec::new();
    for threads in counts {
        for format in KernelProbe::FORMATS {
            let mut probe = KernelProbe::new(format, SHAPE, MANY, threads)?;
            for m in [1, 4, 8, 64, 512] {
                rows.push(measure(&mut probe, format, m, threads, rounds, &data));
            }
        }
    }
    let note = format!(
        "{} x {} weights a matrix, {MANY} matrices",
        SHAPE.0, SHAPE.1
    );
    Ok(Report::new("kernels", note, rows))
}

/// Few rows: bytes of weights a second beside plain reading, alternating. Many rows:
/// multiplications a second.
fn measure(
    probe: &mut KernelProbe,
    format: &str,
    m: usize,
    threads: usize,
    rounds: usize,
    data: &[u64],
) -> Row {
    let few = m <= 8;
    let matrices = if few { MANY } else { 2 };
    probe.set_rows(m);
    probe.multiply(1);
    let (mut ours, mut memory) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let begin = Instant::now();
        probe.multiply(matrices);
        let seconds = begin.elapsed().as_secs_f64();
        let work = if few {
            probe.bytes(matrices)
        } else {
            SHAPE.0 * SHAPE.1 * matrices * m
        };
        ours.push(work as f64 / seconds / 1e9);
        if few {
            let begin = Instant::now();
            std::hint::black_box(probe.read(data));
            memory.push(size_of_val(data) as f64 / begin.elapsed().as_secs_f64() / 1e9);
        }
    }
    let name = format!("{format}, {m} rows, {threads} threads");
    if few {
        Row::new(name, "GB/s", ours).against("plain reading", memory)
    } else {
        Row::new(name, "GMAC/s", ours)
    }
}
