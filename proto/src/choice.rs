//! Which routes a request may take: one rule for the gateway that sends it and the meter that
//! prices it.

use crate::v1::Route;

/// The routes of `model` that a request of `tenant` may take now, to be drawn from by weight.
///
/// A tenant's own routes come before public ones, unless only public ones can answer. Routes
/// without a share of the traffic are left out; so are those that cannot answer while others can.
/// When none can, those that may later are returned. Another tenant's route does not exist.
pub fn choices<'a>(
    routes: impl IntoIterator<Item = &'a Route>,
    model: &str,
    tenant: &str,
) -> Vec<&'a Route> {
    let (mut own, mut public) = (Vec::new(), Vec::new());
    for route in routes.into_iter().filter(|route| route.model == model) {
        if route.tenant.is_empty() {
            public.push(route);
        } else if route.tenant == tenant {
            own.push(route);
        }
    }
    let (own, public) = (with_a_share(own), with_a_share(public));
    let any = |group: &[&Route]| group.iter().any(|route| can_answer(route));
    let mut group = match (any(&own), any(&public)) {
        (false, true) => public,
        (false, false) if own.is_empty() => public,
        _ => own,
    };
    if any(&group) {
        group.retain(|route| can_answer(route));
    }
    group
}

/// One of `choices` by weight; the same `dice` draws the same route while nothing changes.
#[must_use]
pub fn draw<'a>(choices: &[&'a Route], dice: u64) -> Option<&'a Route> {
    let total: u64 = choices.iter().map(|route| u64::from(route.weight)).sum();
    if total == 0 {
        return choices.first().copied();
    }
    let mut left = dice % total;
    choices.iter().copied().find(|route| {
        let weight = u64::from(route.weight);
        let here = left < weight;
        left = left.saturating_sub(weight);
        here
    })
}

/// Replicas stand ready, somebody else's server does, or replicas come when they are asked for.
fn can_answer(route: &Route) -> bool {
    !route.replicas.is_empty() || route.external.is_some() || route.wakes
}

/// Those with a share, or all where nobody has one.
fn with_a_share(mut group: Vec<&Route>) -> Vec<&Route> {
    if group.iter().any(|route| route.weight > 0) {
        group.retain(|route| route.weight > 0);
    }
    group
}

#[cfg(test)]
mod tests {
    use super::{choices, draw};
    use crate::v1::{Replica, Route};

    fn route(deployment: &str, tenant: &str, weight: u32, ready: bool) -> Route {
        Route {
            model: "m".to_owned(),
            deployment: deployment.to_owned(),
            tenant: tenant.to_owned(),
            weight,
            replicas: vec![Replica::default(); usize::from(ready)],
            ..Route::default()
        }
    }

    fn names(routes: &[Route], tenant: &str) -> Vec<String> {
        let found = choices(routes, "m", tenant);
        found.iter().map(|route| route.deployment.clone()).collect()
    }

    #[test]
    fn own_before_public_unless_only_the_public_one_answers() {
        let mut routes = [route("own", "t", 1, true), route("all", "", 1, true)];
        assert_eq!(names(&routes, "t"), ["own"]);
        assert_eq!(names(&routes, "u"), ["all"]);
        routes[0].replicas.clear();
        assert_eq!(names(&routes, "t"), ["all"]);
        routes[0].wakes = true;
        assert_eq!(
            names(&routes, "t"),
            ["own"],
            "a request must be able to wake it"
        );
        assert!(choices(&routes, "other", "t").is_empty());
    }

    #[test]
    fn only_shares_are_drawn_and_the_dead_are_passed_over() {
        let mut routes = [
            route("a", "", 9, true),
            route("b", "", 1, true),
            route("c", "", 0, true),
        ];
        assert_eq!(names(&routes, "t"), ["a", "b"]);
        let all = choices(&routes, "m", "t");
        let drawn = (0..100).filter(|dice| draw(&all, *dice).is_some_and(|r| r.deployment == "b"));
        assert_eq!(drawn.count(), 10);
        routes[0].replicas.clear();
        assert_eq!(names(&routes, "t"), ["b"]);
        routes[1].replicas.clear();
        assert_eq!(names(&routes, "t"), ["a", "b"], "starting, not unknown");
    }
}
