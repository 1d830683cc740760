//! The single owner of the scheduling state: commands in one ordered stream, group commit,
//! effects after the commit.

mod batch;
mod load;
mod run;

pub(crate) use load::{Recovered, recover};
pub(crate) use run::Actor;

use std::collections::BTreeMap;
use tokio::sync::{mpsc, oneshot};
use zhisuan_core::{
    Effect, Event, Heartbeat, Job, Millis, NodeName, Observation, Refusal, State, TaskRef,
};

/// What rides along with an event into the rows of its jobs.
#[derive(Debug, Default)]
pub(crate) enum Attached {
    #[default]
    Nothing,
    /// Wire specs of the submitted jobs, in order.
    Specs(Vec<Vec<u8>>),
    /// Outputs of the job that the event is about.
    Outputs(u64, BTreeMap<String, String>),
}

/// What leaves the core after a commit.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    /// In order.
    pub(crate) effects: Vec<Effect>,
    /// Jobs with serve work that changed or ended, as they are now.
    pub(crate) serving: Vec<Job>,
}

type Question = Box<dyn FnOnce(&State, Millis) + Send>;
type Observed = Result<(Observation, Millis), Failure>;
/// What became of an event once it is durable.
pub(crate) type Answer = Result<Vec<Effect>, Failure>;

pub(crate) enum Command {
    Apply {
        event: Box<Event>,
        /// The node that reports it; it may speak of its own tasks only.
        from: Option<(NodeName, TaskRef)>,
        attached: Attached,
        reply: oneshot::Sender<Answer>,
    },
    Observe {
        heartbeat: Heartbeat,
        reply: oneshot::Sender<Observed>,
    },
    Ask(Question),
    Tick,
    /// Takes a snapshot and ends.
    Close(oneshot::Sender<()>),
}

/// Why a command was not carried out.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The core refused it; nothing changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The scheduler is stopping or could not write; nothing was acknowledged.
    #[error("the scheduler is stopping: {0}")]
    Stopped(String),
}

/// Cheap to clone; every call is answered after its event is durable.
#[derive(Clone)]
pub(crate) struct Core {
    commands: mpsc::Sender<Command>,
}

const STOPPED: &str = "its state is closed";

impl Core {
    pub(crate) fn new(commands: mpsc::Sender<Command>) -> Self {
        Self { commands }
    }

    /// Applies an event; returns the effects that answer the caller.
    pub(crate) async fn apply(&self, event: Event) -> Answer {
        self.apply_with(event, Attached::Nothing).await
    }

    pub(crate) async fn apply_with(&self, event: Event, attached: Attached) -> Answer {
        self.queue(event, attached, None).await?.await
    }

    /// Puts an event in line. The place is taken when this returns, the answer comes when the
    /// event is durable.
    pub(crate) async fn queue(
        &self,
        event: Event,
        attached: Attached,
        from: Option<(NodeName, TaskRef)>,
    ) -> Result<impl Future<Output = Answer> + Send + 'static, Failure> {
        let (reply, answer) = oneshot::channel();
        let event = Box::new(event);
        self.send(Command::Apply {
            event,
            from,
            attached,
            reply,
        })
        .await?;
        Ok(async { answer.await.unwrap_or_else(|_| Err(stopped())) })
    }

    /// Puts a heartbeat in line; answered when everything before it is durable.
    pub(crate) async fn queue_observe(
        &self,
        heartbeat: Heartbeat,
    ) -> Result<impl Future<Output = Observed> + Send + 'static, Failure> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Observe { heartbeat, reply }).await?;
        Ok(async { answer.await.unwrap_or_else(|_| Err(stopped())) })
    }

    /// Looks at the state after the next commit: no answer shows what is not durable.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&State, Millis) -> T + Send + 'static,
    ) -> Result<T, Failure> {
        let (reply, answer) = oneshot::channel();
        let question: Question = Box::new(move |state, now| {
            // Nobody waits any more when the caller has gone.
            let _ = reply.send(question(state, now));
        });
        self.send(Command::Ask(question)).await?;
        answer.await.map_err(|_| stopped())
    }

    pub(crate) async fn tick(&self) -> Result<(), Failure> {
        self.send(Command::Tick).await
    }

    pub(crate) async fn close(&self) {
        let (reply, answer) = oneshot::channel();
        if self.send(Command::Close(reply)).await.is_ok() {
            let _ = answer.await;
        }
    }

    async fn send(&self, command: Command) -> Result<(), Failure> {
        self.commands.send(command).await.map_err(|_| stopped())
    }
}

fn stopped() -> Failure {
    Failure::Stopped(STOPPED.to_owned())
}
