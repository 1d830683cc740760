//! A scripted worker: speaks the session protocol and does no work. Its name says so.

use crate::support::Clients;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::Streaming;
use zhisuan_proto::v1::{
    self, scheduler_message::Message as Order, worker_message::Message as Report,
};

/// What a scripted worker does with an assignment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Script {
    /// Says started and ended at once.
    Finish,
    /// Says started and runs until it is stopped.
    Hold,
    /// Takes the order and says nothing.
    Silent,
}

pub(crate) fn register(node: &str) -> v1::Register {
    v1::Register {
        node: node.to_owned(),
        version: "scripted".to_owned(),
        cpu_milli: 4_000,
        memory_mib: 4_096,
        work: ["train", "batch", "serve", "command"]
            .map(str::to_owned)
            .to_vec(),
        ..v1::Register::default()
    }
}

/// An open session whose messages a test sends itself.
pub(crate) struct Session {
    pub(crate) reports: mpsc::UnboundedSender<v1::WorkerMessage>,
    pub(crate) orders: Streaming<v1::SchedulerMessage>,
}

impl Session {
    pub(crate) async fn open(
        clients: &mut Clients,
        register: v1::Register,
    ) -> Result<Self, tonic::Status> {
        let (reports, stream) = mpsc::unbounded_channel();
        let first = v1::WorkerMessage {
            message: Some(Report::Register(register)),
        };
        reports.send(first).unwrap();
        let orders = clients
            .workers
            .session(UnboundedReceiverStream::new(stream))
            .await?
            .into_inner();
        Ok(Self { reports, orders })
    }

    pub(crate) fn send(&self, report: Report) {
        // The scheduler may just have been killed.
        let _ = self.reports.send(v1::WorkerMessage {
            message: Some(report),
        });
    }

    /// The next order that is not an acknowledgement, within five seconds.
    pub(crate) async fn order(&mut self) -> Order {
        let deadline = Duration::from_secs(5);
        loop {
            let next = tokio::time::timeout(deadline, self.orders.message()).await;
            let next = next
                .expect("an order comes")
                .expect("the session is open")
                .expect("and goes on");
            match next.message.expect("a message is not empty") {
                Order::HeartbeatAck(_) => {}
                order => return order,
            }
        }
    }

    pub(crate) async fn assignment(&mut self) -> v1::Assign {
        loop {
            match self.order().await {
                Order::Assign(assign) => return assign,
                Order::Registered(_) => {}
                other => panic!("expected an assignment, got {other:?}"),
            }
        }
    }
}

/// Everything that a scripted worker was told, over all its sessions.
#[derive(Clone, Default)]
pub(crate) struct Diary {
    pub(crate) assigned: Arc<Mutex<Vec<v1::TaskRef>>>,
}

/// A worker that follows its script until it is dropped, and reconnects for ever.
pub(crate) struct ScriptedWorker {
    pub(crate) diary: Diary,
    task: JoinHandle<()>,
}

impl Drop for ScriptedWorker {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl ScriptedWorker {
    pub(crate) fn start(url: String, key: String, register: v1::Register, script: Script) -> Self {
        let diary = Diary::default();
        let kept = diary.clone();
        let task = tokio::spawn(async move {
            let mut running = Running::default();
            loop {
                let mut clients = Clients::connect(&url, &key).await;
                let register = v1::Register {
                    running: running.usage_with_unheard(),
                    ..register.clone()
                };
                if let Ok(session) = Session::open(&mut clients, register).await {
                    serve(session, script, &mut running, &kept).await;
                }
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
        });
        Self { diary, task }
    }
}

/// Tasks of the script, over all sessions: a real worker keeps them too.
#[derive(Default)]
struct Running {
    tasks: Vec<(v1::TaskRef, Instant)>,
    /// Ended, with the last heartbeat before: heard once a later heartbeat is acknowledged.
    unheard: Vec<(v1::TaskRef, u64)>,
    sequence: u64,
}

impl Running {
    fn usage(&self) -> Vec<v1::TaskUsage> {
        let usage = |(task, since): &(v1::TaskRef, Instant)| v1::TaskUsage {
            task: Some(*task),
            used_ms: since.elapsed().as_millis() as u64,
        };
        self.tasks.iter().map(usage).collect()
    }

    /// For a registration: what was ended but perhaps not heard is not lost either.
    fn usage_with_unheard(&self) -> Vec<v1::TaskUsage> {
        let unheard = self.unheard.iter().map(|(task, _)| v1::TaskUsage {
            task: Some(*task),
            used_ms: 1,
        });
        self.usage().into_iter().chain(unheard).collect()
    }
}

async fn serve(mut session: Session, script: Script, running: &mut Running, diary: &Diary) {
    for (task, since) in &mut running.unheard {
        session.send(ended(*task, "succeeded"));
        *since = running.sequence;
    }
    let mut beat = tokio::time::interval(Duration::from_millis(200));
    loop {
        tokio::select! {
            _ = beat.tick() => {
                running.sequence += 1;
                let (sequence, usage) = (running.sequence, running.usage());
                session.send(Report::Heartbeat(v1::Heartbeat { sequence, running: usage, replicas: Vec::new() }));
            }
            next = session.orders.message() => {
                let Ok(Some(v1::SchedulerMessage { message: Some(order) })) = next else { return };
                match order {
                    Order::Assign(assign) => take(&session, script, running, diary, &assign),
                    Order::HeartbeatAck(ack) => running.unheard.retain(|(_, since)| *since >= ack.sequence),
                    Order::Stop(stop) => {
                        let Some(task) = stop.task else { continue };
                        running.unheard.retain(|(other, _)| *other != task);
                        running.tasks.retain(|(other, _)| *other != task);
                        session.send(ended(task, "stopped"));
                    }
                    _ => {}
                }
            }
        }
    }
}

fn take(
    session: &Session,
    script: Script,
    running: &mut Running,
    diary: &Diary,
    assign: &v1::Assign,
) {
    let Some(task) = assign.task else { return };
    let known = |other: &v1::TaskRef| *other == task;
    let mut assigned = diary.assigned.lock().unwrap();
    let again = assigned.iter().any(known);
    assigned.push(task);
    drop(assigned);
    // The same order twice (after a reconnect) starts once.
    if again || script == Script::Silent {
        return;
    }
    session.send(Report::Started(v1::TaskStarted { task: Some(task) }));
    if script == Script::Finish {
        session.send(ended(task, "succeeded"));
        running.unheard.push((task, running.sequence));
    } else {
        running.tasks.push((task, Instant::now()));
    }
}

pub(crate) fn ended(task: v1::TaskRef, outcome: &str) -> Report {
    Report::Ended(v1::TaskEnded {
        task: Some(task),
        outcome: outcome.to_owned(),
        used_ms: 1,
        ..v1::TaskEnded::default()
    })
}
