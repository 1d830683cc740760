//! What one group commit gathers: entries, changed jobs, bookings, answers and orders.

use super::{Answer, Attached, Outgoing, Question};
use crate::store::{Batch, Entry, JobRow};
use std::collections::{BTreeMap, BTreeSet};
use tokio::sync::oneshot;
use zhisuan_core::{Effect, Event, Job, JobId, Millis, State, WorkKind};

#[derive(Default)]
pub(super) struct Gathered {
    batch: Batch,
    changed: BTreeSet<JobId>,
    ended: BTreeMap<JobId, Job>,
    specs: BTreeMap<JobId, Vec<u8>>,
    outputs: BTreeMap<JobId, BTreeMap<String, String>>,
    answers: Vec<(oneshot::Sender<Answer>, Answer)>,
    orders: Vec<Effect>,
    serving: Vec<Job>,
    questions: Vec<Question>,
}

/// What goes out once the batch is durable.
pub(super) struct Ready {
    pub(super) answers: Vec<(oneshot::Sender<Answer>, Answer)>,
    pub(super) outgoing: Outgoing,
    pub(super) questions: Vec<Question>,
}

impl Gathered {
    /// Notes an applied event and its effects.
    pub(super) fn applied(
        &mut self,
        sequence: u64,
        at: Millis,
        event: &Event,
        effects: Vec<Effect>,
        attached: Attached,
    ) -> Result<Vec<Effect>, serde_json::Error> {
        let body = serde_json::to_string(event)?;
        self.batch.events.push(Entry { sequence, at, body });
        let mut answer = Vec::new();
        for effect in effects {
            match effect {
                Effect::Posted(transaction) => self.batch.transactions.push(*transaction),
                Effect::JobChanged(id) => {
                    self.changed.insert(id);
                    self.orders.push(effect);
                }
                Effect::JobEnded(job) => {
                    self.orders.push(Effect::JobEnded(job.clone()));
                    self.ended.insert(job.id, *job);
                }
                Effect::Submitted { .. }
                | Effect::Authorized { .. }
                | Effect::Settled { .. }
                | Effect::PricesPublished(_) => answer.push(effect),
                Effect::Assign { .. }
                | Effect::Stop { .. }
                | Effect::NodeChanged(_)
                | Effect::TenantAdded(_)
                | Effect::Overclaimed { .. } => self.orders.push(effect),
            }
        }
        self.attach(&answer, attached);
        Ok(answer)
    }

    fn attach(&mut self, answer: &[Effect], attached: Attached) {
        match attached {
            Attached::Nothing => {}
            Attached::Outputs(job, outputs) => {
                self.outputs.insert(JobId(job), outputs);
            }
            Attached::Specs(specs) => {
                if let Some(Effect::Submitted {
                    jobs,
                    repeated: false,
                    ..
                }) = answer.first()
                {
                    self.specs.extend(jobs.iter().copied().zip(specs));
                }
            }
        }
    }

    pub(super) fn answer(&mut self, reply: oneshot::Sender<Answer>, answer: Answer) {
        self.answers.push((reply, answer));
    }

    pub(super) fn ask(&mut self, question: Question) {
        self.questions.push(question);
    }

    /// The rows to write: one per changed job, as the state has it now.
    pub(super) fn take_batch(&mut self, state: &State) -> Batch {
        let mut batch = std::mem::take(&mut self.batch);
        for id in std::mem::take(&mut self.changed) {
            if let Some(job) = state
                .jobs()
                .get(&id)
                .filter(|_| !self.ended.contains_key(&id))
            {
                batch.jobs.push(self.row(job.clone()));
            }
        }
        for job in std::mem::take(&mut self.ended).into_values() {
            let row = self.row(job);
            batch.jobs.push(row);
        }
        batch
    }

    fn row(&mut self, job: Job) -> JobRow {
        if job.spec.work == WorkKind::Serve {
            self.serving.push(job.clone());
        }
        JobRow {
            spec: self.specs.remove(&job.id),
            outputs: self.outputs.remove(&job.id),
            job,
        }
    }

    pub(super) fn into_ready(self) -> Ready {
        let outgoing = Outgoing {
            effects: self.orders,
            serving: self.serving,
        };
        Ready {
            answers: self.answers,
            outgoing,
            questions: self.questions,
        }
    }
}
