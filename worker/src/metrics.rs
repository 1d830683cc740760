//! Numbers that a worker shows to Prometheus. One list of names with units.

use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

/// Every metric of one worker, in its own registry.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    pub(crate) registry: Registry,
    pub(crate) tasks: IntGauge,
    pub(crate) ended: IntCounterVec,
    pub(crate) connected: IntGauge,
    pub(crate) reconnects: IntCounter,
    pub(crate) log_dropped: IntCounter,
    pub(crate) refused_orders: IntCounter,
    pub(crate) devices: IntGaugeVec,
}

impl Metrics {
    /// Registers everything; fails only if a name were malformed or taken twice.
    pub(crate) fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let metrics = Self {
            tasks: IntGauge::new(
                "zhisuan_worker_tasks",
                "Tasks that run or are being prepared",
            )?,
            ended: IntCounterVec::new(
                Opts::new(
                    "zhisuan_worker_tasks_ended_total",
                    "Tasks ended, by outcome",
                ),
                &["outcome"],
            )?,
            connected: IntGauge::new(
                "zhisuan_worker_connected",
                "1 while the session with the scheduler stands",
            )?,
            reconnects: IntCounter::new(
                "zhisuan_worker_sessions_total",
                "Sessions opened with the scheduler",
            )?,
            log_dropped: IntCounter::new(
                "zhisuan_worker_log_dropped_bytes_total",
                "Log bytes that the limit dropped before they were sent",
            )?,
            refused_orders: IntCounter::new(
                "zhisuan_worker_refused_orders_total",
                "Orders of an older epoch",
            )?,
            devices: IntGaugeVec::new(
                Opts::new("zhisuan_worker_devices", "Devices offered, by kind"),
                &["kind", "simulated"],
            )?,
            registry,
        };
        let registry = &metrics.registry;
        registry.register(Box::new(metrics.tasks.clone()))?;
        registry.register(Box::new(metrics.ended.clone()))?;
        registry.register(Box::new(metrics.connected.clone()))?;
        registry.register(Box::new(metrics.reconnects.clone()))?;
        registry.register(Box::new(metrics.log_dropped.clone()))?;
        registry.register(Box::new(metrics.refused_orders.clone()))?;
        registry.register(Box::new(metrics.devices.clone()))?;
        Ok(metrics)
    }
}
