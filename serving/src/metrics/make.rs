//! Makes families of metrics under the gateway's prefix, and registers them.

use super::families::{Family, Histogram};
use prometheus::core::Collector;
use prometheus::{
    Error, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry,
};

/// Makes what a registry then shows.
pub(super) struct Make<'a>(pub(super) &'a Registry);

impl Make<'_> {
    pub(super) fn histograms<const N: usize>(
        &self,
        families: [Histogram; N],
    ) -> Result<[HistogramVec; N], Error> {
        self.all(families, |(family, buckets)| {
            let options = HistogramOpts::from(options(family)).buckets(buckets.to_vec());
            HistogramVec::new(options, family.2)
        })
    }

    pub(super) fn labelled_counters<const N: usize>(
        &self,
        families: [Family; N],
    ) -> Result<[IntCounterVec; N], Error> {
        self.all(families, |family| {
            IntCounterVec::new(options(family), family.2)
        })
    }

    pub(super) fn labelled_gauges<const N: usize>(
        &self,
        families: [Family; N],
    ) -> Result<[IntGaugeVec; N], Error> {
        self.all(families, |family| {
            IntGaugeVec::new(options(family), family.2)
        })
    }

    pub(super) fn counters<const N: usize>(
        &self,
        families: [Family; N],
    ) -> Result<[IntCounter; N], Error> {
        self.all(families, |family| IntCounter::with_opts(options(family)))
    }

    pub(super) fn gauges<const N: usize>(
        &self,
        families: [Family; N],
    ) -> Result<[IntGauge; N], Error> {
        self.all(families, |family| IntGauge::with_opts(options(family)))
    }

    fn all<F, M: Collector + Clone + 'static, const N: usize>(
        &self,
        families: [F; N],
        make: impl Fn(F) -> Result<M, Error>,
    ) -> Result<[M; N], Error> {
        let made = families
            .map(make)
            .into_iter()
            .collect::<Result<Vec<M>, _>>()?;
        for metric in &made {
            self.0.register(Box::new(metric.clone()))?;
        }
        made.try_into()
            .map_err(|_| Error::Msg("as many metrics are made as are asked for".to_owned()))
    }
}

fn options((name, help, _): Family) -> Opts {
    Opts::new(format!("zhisuan_gateway_{name}"), help)
}
