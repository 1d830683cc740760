//! Traces: W3C `traceparent` in and out, and a span per request in OpenTelemetry's protocol.

use crate::backoff::spread;
use crate::options::Error;
use crate::trail::Record;
use opentelemetry::trace::{
    Span as _, SpanContext, SpanId, SpanKind, Status, TraceContextExt as _, TraceFlags, TraceId,
    TraceState, Tracer as _, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, Span};

/// Name of the header.
pub(crate) const HEADER: &str = "traceparent";

/// Reads a `traceparent` (W3C Trace Context, level 1); a malformed one counts as absent.
pub(crate) fn parse(header: &str) -> Option<SpanContext> {
    let mut parts = header.trim().split('-');
    let (version, trace, span, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str, length: usize| {
        text.len() == length
            && text
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    // Later versions may have more parts, and "ff" is none.
    let fits = is_hex(version, 2) && version != "ff" && (version != "00" || parts.next().is_none());
    if !(fits && is_hex(trace, 32) && is_hex(span, 16) && is_hex(flags, 2)) {
        return None;
    }
    let context = SpanContext::new(
        TraceId::from_hex(trace).ok()?,
        SpanId::from_hex(span).ok()?,
        TraceFlags::new(u8::from_str_radix(flags, 16).ok()?),
        true,
        TraceState::NONE,
    );
    context.is_valid().then_some(context)
}

/// Writes a `traceparent`.
pub(crate) fn format(context: &SpanContext) -> String {
    let sampled = u8::from(context.is_sampled());
    format!(
        "00-{}-{}-{sampled:02x}",
        context.trace_id(),
        context.span_id()
    )
}

/// One request's place in a trace.
#[derive(Debug)]
pub(crate) struct Trace {
    context: SpanContext,
    span: Option<Span>,
}

impl Trace {
    pub(crate) fn trace_id(&self) -> String {
        self.context.trace_id().to_string()
    }

    /// The header for whoever works for this request.
    pub(crate) fn header(&self) -> String {
        format(&self.context)
    }

    /// The same place, for what has no span of its own.
    pub(crate) fn alike(&self) -> Self {
        Self {
            context: self.context.clone(),
            span: None,
        }
    }

    /// Whether somebody collects spans.
    pub(crate) fn is_exported(&self) -> bool {
        self.span.is_some()
    }

    /// Ends the span with what is known of its request.
    pub(crate) fn end(&mut self, attributes: Vec<KeyValue>, failed: bool) {
        if let Some(mut span) = self.span.take() {
            span.set_attributes(attributes);
            if failed {
                span.set_status(Status::error(""));
            }
            span.end();
        }
    }
}

/// Makes spans; cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Tracing {
    exporter: Option<(SdkTracer, SdkTracerProvider)>,
}

impl Tracing {
    /// Exports to a collector's OTLP port, `http://host:4317`. Must be called in a runtime.
    pub(crate) fn new(endpoint: Option<&str>) -> Result<Self, Error> {
        let Some(endpoint) = endpoint else {
            return Ok(Self::default());
        };
        let exporter = SpanExporter::builder()
            .with_tonic()
            .with_endpoint(endpoint)
            .build()
            .map_err(|error| {
                tracing::error!(%error, "cannot export traces");
                Error::Option {
                    option: "otlp_endpoint",
                    value: endpoint.to_owned(),
                    accepted: "expected http://host:port of an OpenTelemetry collector",
                }
            })?;
        let resource = Resource::builder()
            .with_service_name("zhisuan-gateway")
            .build();
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource)
            .build();
        Ok(Self {
            exporter: Some((provider.tracer("zhisuan-gateway"), provider)),
        })
    }

    /// The place of a request that came with this header.
    pub(crate) fn begin(&self, name: &'static str, header: Option<&str>) -> Trace {
        let parent = header.and_then(parse);
        let Some((tracer, _)) = &self.exporter else {
            return Trace {
                context: child(parent),
                span: None,
            };
        };
        let context = parent.map_or_else(Context::new, |parent| {
            Context::new().with_remote_span_context(parent)
        });
        let span = tracer
            .span_builder(name)
            .with_kind(SpanKind::Server)
            .start_with_context(tracer, &context);
        Trace {
            context: span.span_context().clone(),
            span: Some(span),
        }
    }

    /// Sends what is left; blocks.
    pub(crate) fn shut_down(self) {
        if let Some((_, provider)) = self.exporter
            && let Err(error) = provider.shutdown()
        {
            tracing::warn!(%error, "the last traces may not have arrived");
        }
    }
}

/// A place of our own in the caller's trace, or in a new one, where nothing is exported.
fn child(parent: Option<SpanContext>) -> SpanContext {
    let (trace_id, flags) = parent.map_or_else(
        || {
            let id = (u128::from(spread()) << 64) | u128::from(spread());
            (TraceId::from(id.max(1)), TraceFlags::NOT_SAMPLED)
        },
        |parent| (parent.trace_id(), parent.trace_flags()),
    );
    let span_id = SpanId::from(spread().max(1));
    SpanContext::new(trace_id, span_id, flags, false, TraceState::NONE)
}

/// What a span tells of its request, by the conventions for generative models.
pub(crate) fn attributes(record: &Record) -> Vec<KeyValue> {
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let mut attributes = vec![
        KeyValue::new("http.response.status_code", i64::from(record.status)),
        KeyValue::new("gen_ai.operation.name", record.endpoint),
        KeyValue::new("gen_ai.request.model", record.model.clone()),
        KeyValue::new("gen_ai.response.id", record.id.clone()),
        KeyValue::new("gen_ai.response.finish_reasons", record.reason.clone()),
        KeyValue::new("gen_ai.usage.input_tokens", number(record.prompt_tokens)),
        KeyValue::new(
            "gen_ai.usage.output_tokens",
            number(record.completion_tokens),
        ),
        KeyValue::new("zhisuan.tenant", record.tenant.clone()),
        KeyValue::new("zhisuan.deployment", record.route.deployment.clone()),
        KeyValue::new("zhisuan.replica", record.replica.clone()),
        KeyValue::new("zhisuan.queue_seconds", record.queued.as_secs_f64()),
    ];
    if let Some(time) = record.first_token {
        attributes.push(KeyValue::new(
            "gen_ai.server.time_to_first_token",
            time.as_secs_f64(),
        ));
    }
    attributes
}

#[cfg(test)]
mod tests {
    use super::{Tracing, format, parse};

    #[test]
    fn the_header_is_read_written_and_refused_when_malformed() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(parse(good).as_ref().map(format).as_deref(), Some(good));
        assert!(
            parse(&good.replace("00-0a", "cc-0a")).is_some(),
            "a later version"
        );
        for bad in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
        ] {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_request_has_a_place_of_its_own_in_its_callers_trace() {
        let header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let trace = Tracing::default().begin("chat", Some(header));
        assert_eq!(trace.trace_id(), "0af7651916cd43dd8448eb211c80319c");
        let (out, other) = (trace.header(), Tracing::default().begin("chat", None));
        assert!(
            out.ends_with("-01") && !out.contains("b7ad6b7169203331"),
            "{out}"
        );
        assert!(parse(&other.header()).is_some());
    }
}
