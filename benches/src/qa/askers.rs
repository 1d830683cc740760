//! People who ask without pause, each through the service as a page does.

use super::{DAY, TOP_K};
use anyhow::Result;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use zhisuan_apps::answer::Base;
use zhisuan_apps::service::{Memory, Qa, Question};

/// How their questions ended.
pub(super) type Outcomes = BTreeMap<&'static str, usize>;

/// The service over a base; it keeps answers in memory, so that no disk is measured.
pub(super) fn service(base: Base) -> Qa {
    Qa::on(base, Arc::new(Memory::default()), Arc::new(|| DAY))
}

/// Milliseconds from each question to its answer, waiting and keeping included, and how they ended.
pub(super) fn ask_together(
    qa: &Qa,
    questions: &[String],
    askers: usize,
) -> Result<(Vec<f64>, Outcomes)> {
    let questions: Arc<[Question]> = questions.iter().map(|question| asked(question)).collect();
    let next = Arc::new(AtomicUsize::new(0));
    Handle::current().block_on(async {
        let mut asking = JoinSet::new();
        for _ in 0..askers {
            let (qa, questions, next) = (qa.clone(), Arc::clone(&questions), Arc::clone(&next));
            asking.spawn(async move { asker(&qa, &questions, &next).await });
        }
        let (mut all, mut outcomes) = (Vec::new(), Outcomes::new());
        while let Some(asked) = asking.join_next().await {
            for (ms, outcome) in asked?? {
                all.push(ms);
                *outcomes.entry(outcome).or_default() += 1;
            }
        }
        Ok((all, outcomes))
    })
}

async fn asker(
    qa: &Qa,
    questions: &[Question],
    next: &AtomicUsize,
) -> Result<Vec<(f64, &'static str)>> {
    let mut taken = Vec::new();
    while let Some(question) = questions.get(next.fetch_add(1, Ordering::Relaxed)) {
        let begin = Instant::now();
        let answer = qa.ask(question).await?;
        taken.push((begin.elapsed().as_secs_f64() * 1e3, answer.outcome.name()));
    }
    Ok(taken)
}

fn asked(question: &str) -> Question {
    Question {
        top_k: Some(TOP_K),
        ..Question::plain(question)
    }
}
