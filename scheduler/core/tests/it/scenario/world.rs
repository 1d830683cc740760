//! A core, a clock that only moves when told, and the commands of the scenario language.

use super::nouns::{authorization, job_spec, node_spec, submission, tenant};
use super::parse::{Words, duration};
use super::render::{reason, word};
use crate::make;
use std::collections::BTreeMap;
use zhisuan_core::ledger::Account;
use zhisuan_core::{
    Effect, Event, Heartbeat, JobId, Limits, Millis, NodeName, Outcome, RequestId, State, TaskRef,
    TaskReport, TenantName, check,
};

type Answer = Result<Vec<String>, String>;

pub(super) struct World {
    pub(super) state: State,
    pub(super) names: BTreeMap<JobId, String>,
    /// The last task reference of every job: late reports use it after the job has gone.
    seen: BTreeMap<String, TaskRef>,
    now: Millis,
}

impl World {
    pub(super) fn new() -> Self {
        Self {
            state: State::new(Limits::default()),
            names: BTreeMap::new(),
            seen: BTreeMap::new(),
            now: Millis(0),
        }
    }

    pub(super) fn command(&mut self, line: &str) -> Answer {
        let mut words = Words::new(line);
        let verb = words.next("the command")?;
        let answer = match verb {
            "wait" => {
                let ms = duration(words.next("a time")?)?;
                self.now = self.now.plus(ms);
                Ok(Vec::new())
            }
            "plan" => Ok(self.plan()),
            "show" => Ok(self.show()),
            "explain" => self.explain(&mut words),
            "quote" => self.quote(&mut words),
            "due" => {
                let mut answer = Vec::new();
                for event in self.state.due(self.now) {
                    answer.extend(self.apply(&event));
                }
                Ok(answer)
            }
            "beat" => self.beat(&mut words),
            "restart" => {
                let text = serde_json::to_string(&self.state).unwrap();
                self.state = serde_json::from_str(&text).unwrap();
                self.state.resume(Limits::default(), self.now);
                Ok(Vec::new())
            }
            _ => {
                let events = self.events(verb, &mut words)?;
                Ok(events.iter().flat_map(|event| self.apply(event)).collect())
            }
        };
        words.done()?;
        answer
    }

    fn apply(&mut self, event: &Event) -> Vec<String> {
        let answer = match self.state.apply(event, self.now) {
            Ok(effects) => {
                self.learn(event, &effects);
                effects.iter().filter_map(|e| self.line(e)).collect()
            }
            Err(refusal) => vec![format!("refused: {refusal}")],
        };
        check::invariants(&self.state).unwrap();
        answer
    }

    fn learn(&mut self, event: &Event, effects: &[Effect]) {
        for effect in effects {
            if let (Event::JobsSubmitted { jobs: specs, .. }, Effect::Submitted { jobs, .. }) =
                (event, effect)
            {
                let names = specs.iter().map(|spec| spec.name.clone());
                self.names.extend(jobs.iter().copied().zip(names));
            }
            if let Effect::Assign { task, .. } = effect {
                let key = format!("{}/{}", self.name(task.job), task.task);
                self.seen.insert(key, *task);
            }
        }
    }

    /// Events of the commands that are nothing but events.
    fn events(&self, verb: &str, words: &mut Words<'_>) -> Result<Vec<Event>, String> {
        let node = |words: &mut Words<'_>| words.next("a node").map(NodeName::from);
        Ok(match verb {
            "prices" => vec![self.prices(words)?],
            "tenant" => tenant(words)?,
            "pay" => {
                let (tenant, amount) = (words.next("a tenant")?, words.next("an amount")?);
                let amount = amount.parse().map_err(|_| "no amount")?;
                vec![make::pay(tenant, amount, words.next("a reference")?)]
            }
            "node" => {
                let spec = node_spec(words)?;
                let running = words.text("running").map(|list| self.reports(list));
                let running = running.transpose()?.unwrap_or_default();
                vec![Event::NodeRegistered {
                    node: spec,
                    running,
                }]
            }
            "drain" | "undrain" => {
                let (node, drain) = (node(words)?, verb == "drain");
                vec![Event::NodeDrained { node, drain }]
            }
            "leave" => vec![Event::NodeLeaving { node: node(words)? }],
            "forget" => vec![Event::NodeForgotten { node: node(words)? }],
            "lost" => {
                let node = node(words)?;
                let confirmed = self.reports(words.optional().unwrap_or(""))?;
                vec![Event::NodeLost { node, confirmed }]
            }
            "submit" => vec![submission(words)?],
            "cancel" => {
                let job = self.job(words.next("a job")?)?;
                vec![Event::CancelRequested { job }]
            }
            "start" => self
                .tasks(words.next("a job")?)?
                .into_iter()
                .map(|task| Event::TaskStarted { task })
                .collect(),
            "use" | "end" => self.usage(verb, words)?,
            "authorize" => vec![authorization(words)?],
            "settle" => vec![Event::RequestSettled {
                request: RequestId::from(words.next("a request")?),
                prompt_tokens: words.number("in", 0)?,
                completion_tokens: words.number("out", 0)?,
            }],
            _ => return Err(format!("what is {verb}?")),
        })
    }

    fn prices(&self, words: &mut Words<'_>) -> Result<Event, String> {
        let after = words.text("after").map_or(Ok(0), duration)?;
        let prices: Result<Vec<_>, String> = words
            .pairs()
            .into_iter()
            .map(|(sku, price)| Ok((sku, price.parse().map_err(|_| "no price")?)))
            .collect();
        Ok(make::prices(self.now.plus(after), &prices?))
    }

    fn usage(&self, verb: &str, words: &mut Words<'_>) -> Result<Vec<Event>, String> {
        let tasks = self.tasks(words.next("a job")?)?;
        let used = duration(words.next("used time")?)?;
        let epoch = words.text("epoch").map(str::parse).transpose();
        let epoch: Option<u64> = epoch.map_err(|_| "no epoch")?;
        let outcome = match words.optional() {
            None | Some("ok") => Outcome::Succeeded,
            Some("stopped") => Outcome::Stopped,
            Some(_) => Outcome::Failed {
                exit_code: 1,
                code: "WORK".to_owned(),
                message: "it broke".to_owned(),
            },
        };
        let event = |mut task: TaskRef| {
            task.epoch.0 = epoch.unwrap_or(task.epoch.0);
            let report = TaskReport {
                task,
                used_ms: used,
            };
            let outcome = outcome.clone();
            match verb {
                "use" => Event::Used { report },
                _ => Event::TaskEnded { report, outcome },
            }
        };
        Ok(tasks.into_iter().map(event).collect())
    }

    fn job(&self, name: &str) -> Result<JobId, String> {
        let found = self.names.iter().rev().find(|(_, known)| *known == name);
        found
            .map(|(id, _)| *id)
            .ok_or_else(|| format!("no job {name}"))
    }

    /// `a/1` is one task, `a` is every task that was assigned last.
    fn tasks(&self, name: &str) -> Result<Vec<TaskRef>, String> {
        let whole = format!("{name}/");
        let found: Vec<TaskRef> = self
            .seen
            .iter()
            .filter(|(key, _)| *key == name || key.starts_with(&whole))
            .map(|(_, task)| *task)
            .collect();
        if found.is_empty() {
            return Err(format!("{name} was never placed"));
        }
        Ok(found)
    }

    /// `a:30s,b/1:5s` as reports.
    fn reports(&self, list: &str) -> Result<Vec<TaskReport>, String> {
        let mut reports = Vec::new();
        for item in list.split(',').filter(|item| !item.is_empty()) {
            let (name, used) = item.split_once(':').ok_or("no job:time")?;
            let used_ms = duration(used)?;
            for task in self.tasks(name)? {
                reports.push(TaskReport { task, used_ms });
            }
        }
        Ok(reports)
    }

    fn beat(&mut self, words: &mut Words<'_>) -> Answer {
        let node = NodeName::from(words.next("a node")?);
        let running = self.reports(words.optional().unwrap_or(""))?;
        let seen = self.state.observe(&Heartbeat { node, running }, self.now);
        let mut answer = Vec::new();
        if !seen.known {
            answer.push("unknown: register again".to_owned());
        }
        for (task, why) in seen.stop {
            answer.push(format!("stop {} {}: {why}", self.name(task.job), task.task));
        }
        for event in seen.events {
            answer.extend(self.apply(&event));
        }
        Ok(answer)
    }

    fn plan(&mut self) -> Vec<String> {
        let plan = self.state.plan(self.now);
        let placements = plan.placements.clone();
        let mut answer = Vec::new();
        if !placements.is_empty() {
            answer = self.apply(&Event::Placed { placements });
        }
        self.state.keep_reasons(plan);
        let waiting = self.state.jobs().values();
        for job in waiting.filter(|job| job.state == zhisuan_core::JobState::Queued) {
            let why = reason(&self.state.reason(job));
            let ahead = self.state.ahead(job);
            answer.push(format!("{} waits, {ahead} ahead: {why}", self.name(job.id)));
        }
        answer
    }

    fn explain(&self, words: &mut Words<'_>) -> Answer {
        let id = self.job(words.next("a job")?)?;
        let job = self.state.jobs().get(&id).ok_or("it has ended")?;
        let nodes = self.state.explain(job).into_iter();
        let line = |(node, failure): (NodeName, Option<zhisuan_core::FitFailure>)| match failure {
            None => format!("{node}: fits"),
            Some(f) => format!(
                "{node}: {}, asked {}, free {}",
                word(&f.short),
                f.asked,
                f.free
            ),
        };
        Ok(nodes.map(line).collect())
    }

    fn quote(&self, words: &mut Words<'_>) -> Answer {
        let tenant = TenantName::from(words.next("a tenant")?);
        let spec = job_spec(words.next("a name")?, words)?;
        let quote = match self.state.quote(&tenant, &spec, self.now) {
            Ok(quote) => quote,
            Err(refusal) => return Ok(vec![format!("refused: {refusal}")]),
        };
        let mut answer: Vec<String> = quote
            .lines
            .iter()
            .map(|line| {
                format!(
                    "{} {} milli: {}",
                    line.sku, line.quantity_milli, line.amount_micro
                )
            })
            .collect();
        let (hold, available) = (quote.hold_micro, quote.available_micro);
        answer.push(format!("hold {hold} of {available} available"));
        answer.push(match &quote.waits {
            None => "starts now".to_owned(),
            Some(why) => format!("waits: {}", reason(why)),
        });
        Ok(answer)
    }

    fn show(&self) -> Vec<String> {
        let mut answer = Vec::new();
        for job in self.state.jobs().values() {
            let places: Vec<String> = job
                .current()
                .map(|attempt| {
                    attempt
                        .tasks
                        .iter()
                        .map(|run| run.node.to_string())
                        .collect()
                })
                .unwrap_or_default();
            let (name, state) = (self.name(job.id), word(&job.state));
            answer.push(format!("{name} {state} on [{}]", places.join(" ")));
        }
        let ledger = self.state.ledger();
        for name in self.state.tenants().keys() {
            let available = ledger.balance(&Account::Available(name.clone()));
            let held = ledger.balance(&Account::Held(name.clone()));
            let charged = ledger.charged(name);
            answer.push(format!(
                "{name}: available {available}, held {held}, charged {charged}"
            ));
        }
        answer
    }
}
