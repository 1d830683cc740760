//! What gateways say is under way, by gateway, until each report is too old. Pure.

use super::error::ModelError;
use std::collections::BTreeMap;
use zhisuan_proto::v1::{ReportDemandRequest, Route, RouteDemand};

const MAX_GATEWAYS: usize = 256;
const MAX_ROUTES: usize = 10_000;
const MAX_NAME: usize = 96;
const MAX_VALID_MS: u32 = 600_000;

#[derive(Debug)]
struct Report {
    demand: Vec<RouteDemand>,
    valid_until_ms: i64,
}

/// The last report of each gateway.
#[derive(Debug, Default)]
pub(crate) struct DemandBook(BTreeMap<String, Report>);

impl DemandBook {
    /// Keeps a report in place of the gateway's earlier one.
    pub(crate) fn report(
        &mut self,
        report: ReportDemandRequest,
        now_ms: i64,
    ) -> Result<(), ModelError> {
        let refuse = |field: &str, value: String, accepted: String| {
            Err(ModelError::field(field, &value, &accepted, &accepted))
        };
        let gateway = report.gateway;
        if gateway.is_empty() || gateway.len() > MAX_NAME {
            let accepted = format!("1 to {MAX_NAME} bytes");
            return refuse("gateway", gateway, accepted);
        }
        if report.valid_ms == 0 || report.valid_ms > MAX_VALID_MS {
            let accepted = format!("1 to {MAX_VALID_MS}");
            return refuse("valid_ms", report.valid_ms.to_string(), accepted);
        }
        if report.demand.len() > MAX_ROUTES {
            let accepted = format!("at most {MAX_ROUTES} routes");
            return refuse("demand", report.demand.len().to_string(), accepted);
        }
        self.forget(now_ms);
        if self.0.len() >= MAX_GATEWAYS && !self.0.contains_key(&gateway) {
            let accepted = format!("one of at most {MAX_GATEWAYS} gateways");
            return refuse("gateway", gateway, accepted);
        }
        let valid_until_ms = now_ms.saturating_add(i64::from(report.valid_ms));
        let report = Report {
            demand: report.demand,
            valid_until_ms,
        };
        self.0.insert(gateway, report);
        Ok(())
    }

    /// Drops what is too old.
    pub(crate) fn forget(&mut self, now_ms: i64) {
        self.0.retain(|_, report| report.valid_until_ms > now_ms);
    }

    /// Requests under way by deployment. Those that name none are divided among the deployments of
    /// the name by their shares, each rounded up: too much is safer than none.
    pub(crate) fn by_deployment(&self, routes: &[Route]) -> BTreeMap<String, u64> {
        let mut sums: BTreeMap<String, u64> = BTreeMap::new();
        let mut add = |deployment: &str, requests: u64| {
            let sum = sums.entry(deployment.to_owned()).or_default();
            *sum = sum.saturating_add(requests);
        };
        for one in self.0.values().flat_map(|report| &report.demand) {
            let requests = u64::from(one.running) + u64::from(one.waiting);
            if requests == 0 {
                continue;
            }
            if !one.deployment.is_empty() {
                add(&one.deployment, requests);
                continue;
            }
            let shares = zhisuan_proto::choices(routes, &one.model, &one.tenant);
            let total: u64 = shares.iter().map(|route| u64::from(route.weight)).sum();
            for route in shares {
                let weight = u64::from(route.weight);
                add(
                    &route.deployment,
                    requests.saturating_mul(weight).div_ceil(total.max(1)),
                );
            }
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "tests fail by panicking"
    )]

    use super::DemandBook;
    use zhisuan_proto::v1::{ReportDemandRequest, Route, RouteDemand};

    fn report(gateway: &str, model: &str, deployment: &str, waiting: u32) -> ReportDemandRequest {
        ReportDemandRequest {
            gateway: gateway.into(),
            demand: vec![RouteDemand {
                model: model.into(),
                deployment: deployment.into(),
                running: 1,
                waiting,
                ..RouteDemand::default()
            }],
            valid_ms: 1000,
        }
    }

    #[test]
    fn reports_replace_each_other_add_up_and_end() {
        let route = |deployment: &str, weight| Route {
            model: "m".into(),
            deployment: deployment.into(),
            weight,
            wakes: true,
            ..Route::default()
        };
        let routes = [route("a", 3), route("b", 1)];
        let mut book = DemandBook::default();
        book.report(report("g1", "m", "a", 50), 0).unwrap();
        book.report(report("g1", "m", "a", 4), 0).unwrap();
        book.report(report("g2", "m", "", 7), 500).unwrap();
        let sums = book.by_deployment(&routes);
        assert_eq!((sums["a"], sums["b"]), (5 + 6, 2));
        book.forget(1000);
        assert_eq!(book.by_deployment(&routes)["a"], 6);
        book.forget(1500);
        assert!(book.by_deployment(&routes).is_empty());
        let refused = book.report(report("", "m", "a", 1), 0).unwrap_err();
        assert!(refused.to_string().starts_with("gateway"));
    }
}
