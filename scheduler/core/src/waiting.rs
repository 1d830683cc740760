//! Waiting jobs by tenant and by class. Jobs of one class ask for the same, so one answer of the
//! planner holds for all of them and a full fleet costs one look per class, not per job.

use crate::fit::Shape;
use crate::{Job, JobId, Reason, TenantName, WorkKind};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Number of a class, for this process only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ClassId(u64);

type Order = (Reverse<i32>, JobId);

#[derive(Clone, Debug, Default)]
pub(crate) struct Waiting {
    ids: BTreeMap<Shape, ClassId>,
    shapes: BTreeMap<ClassId, (Shape, u64)>,
    queues: BTreeMap<TenantName, BTreeMap<ClassId, BTreeSet<Order>>>,
    reasons: BTreeMap<ClassId, Reason>,
    next: u64,
    length: u64,
}

impl Waiting {
    pub(crate) fn insert(&mut self, job: &Job) {
        let shape = job.spec.shape();
        let id = if let Some(id) = self.ids.get(&shape) {
            *id
        } else {
            self.next += 1;
            let id = ClassId(self.next);
            self.ids.insert(shape.clone(), id);
            self.shapes.insert(id, (shape, 0));
            id
        };
        let queue = self.queues.entry(job.tenant.clone()).or_default();
        if queue.entry(id).or_default().insert(order(job)) {
            self.length += 1;
            if let Some((_, count)) = self.shapes.get_mut(&id) {
                *count += 1;
            }
        }
    }

    pub(crate) fn remove(&mut self, job: &Job) {
        let shape = job.spec.shape();
        let Some(id) = self.ids.get(&shape).copied() else {
            return;
        };
        let Some(queue) = self.queues.get_mut(&job.tenant) else {
            return;
        };
        let Some(class) = queue.get_mut(&id) else {
            return;
        };
        if !class.remove(&order(job)) {
            return;
        }
        if class.is_empty() {
            queue.remove(&id);
        }
        if queue.is_empty() {
            self.queues.remove(&job.tenant);
        }
        self.length -= 1;
        if let Some((_, count)) = self.shapes.get_mut(&id) {
            *count -= 1;
            if *count == 0 {
                self.shapes.remove(&id);
                self.ids.remove(&shape);
                self.reasons.remove(&id);
            }
        }
    }

    /// Different requests of one tenant that wait.
    pub(crate) fn variety(&self, tenant: &TenantName) -> usize {
        self.queues.get(tenant).map_or(0, BTreeMap::len)
    }

    pub(crate) fn len(&self) -> u64 {
        self.length
    }

    pub(crate) fn contains(&self, job: &Job) -> bool {
        self.class(job)
            .and_then(|id| self.queues.get(&job.tenant)?.get(&id))
            .is_some_and(|class| class.contains(&order(job)))
    }

    fn class(&self, job: &Job) -> Option<ClassId> {
        self.ids.get(&job.spec.shape()).copied()
    }

    /// Why the job waits, as the last pass found it.
    pub(crate) fn reason(&self, job: &Job) -> Reason {
        self.class(job)
            .and_then(|id| self.reasons.get(&id).cloned())
            .unwrap_or(Reason::Unplanned)
    }

    pub(crate) fn set_reasons(&mut self, reasons: BTreeMap<ClassId, Reason>) {
        self.reasons = reasons;
    }

    /// Jobs of the same tenant that come before it.
    pub(crate) fn ahead(&self, job: &Job) -> u64 {
        let me = order(job);
        let Some(queue) = self.queues.get(&job.tenant) else {
            return 0;
        };
        queue
            .values()
            .map(|class| class.range(..me).count() as u64)
            .sum()
    }

    /// A walk over the waiting jobs that takes what it places.
    pub(crate) fn walk(&self) -> Walk<'_> {
        Walk {
            waiting: self,
            taken: BTreeMap::new(),
        }
    }
}

fn order(job: &Job) -> Order {
    (Reverse(job.spec.priority), job.id)
}

/// Cursor of one planning pass: which heads have been placed already.
pub(crate) struct Walk<'a> {
    waiting: &'a Waiting,
    /// Per tenant and class: the last job placed in this pass.
    taken: BTreeMap<(&'a TenantName, ClassId), Order>,
}

impl<'a> Walk<'a> {
    pub(crate) fn tenants(&self) -> impl Iterator<Item = &'a TenantName> + use<'a> {
        self.waiting.queues.keys()
    }

    pub(crate) fn shape(&self, class: ClassId) -> Option<&'a Shape> {
        self.waiting.shapes.get(&class).map(|(shape, _)| shape)
    }

    /// First job of `tenant` in a class that has not failed in this pass; serving goes first.
    pub(crate) fn head(
        &self,
        tenant: &TenantName,
        serve: bool,
        failed: &BTreeMap<ClassId, Reason>,
    ) -> Option<(ClassId, JobId)> {
        let queue = self.waiting.queues.get(tenant)?;
        let heads = queue
            .iter()
            .filter(|(id, _)| !failed.contains_key(*id))
            .filter_map(|(id, jobs)| {
                let (shape, _) = self.waiting.shapes.get(id)?;
                if (shape.work == WorkKind::Serve) != serve {
                    return None;
                }
                let next = match self.taken.get(&(tenant, *id)) {
                    Some(last) => jobs
                        .range((std::ops::Bound::Excluded(*last), std::ops::Bound::Unbounded))
                        .next(),
                    None => jobs.first(),
                };
                next.map(|order| (*order, *id))
            });
        heads.min().map(|((_, job), class)| (class, job))
    }

    pub(crate) fn take(&mut self, tenant: &'a TenantName, class: ClassId, job: &Job) {
        self.taken.insert((tenant, class), order(job));
    }
}
