//! How a line of the log is written in Lambda: one JSON object, with the version that wrote it and the request it belongs to.
//!
//! ```text
//! {"timestamp":"…","level":"INFO","version":"0.1.0","requestId":"…","fields":{"message":"SLA check",…},"target":"escalate_sla"}
//! {"_aws":{"Timestamp":…,"CloudWatchMetrics":[…]},"timestamp":"…","level":"INFO",…,"job":"sla","JobFinished":1}
//! ```
//! Without a time Lambda takes a line for one of level INFO, whatever it says (source: the AWS Lambda Developer Guide, "Log-level
//! filtering").
//!
//! The second is a metric in CloudWatch's embedded metric format (source: the Amazon CloudWatch User Guide, "Specification: Embedded
//! metric format"). The fields of an event keep their place, since the template's metric filters read them there. What is written
//! is what the functions said: this adds nothing that could be about a person.

use std::fmt;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use crate::clock::Clock;
use crate::metrics::{Metric, TARGET};

/// The version of the crates, compiled in.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The field of the runtime's span that holds the request's id, as Lambda's own lines name it.
const REQUEST_ID: &str = "requestId";

/// Writes the lines.
#[derive(Debug)]
pub struct Lines {
    /// The part of the metrics' namespace that tells stages apart. Where it is not known there are no metrics, only lines.
    pub stage: Option<String>,
    /// What time it is.
    pub clock: Clock,
}

impl Lines {
    /// A line, of what an event says and the request it belongs to.
    fn line(&self, event: &Event<'_>, request: Option<&str>) -> Value {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let (metadata, mut line) = (event.metadata(), Map::new());
        let metric = (metadata.target() == TARGET).then(|| self.metric(&fields.0)).flatten();
        if let Some((directive, _)) = &metric {
            line.insert("_aws".to_owned(), directive.clone());
        }
        line.insert("timestamp".to_owned(), json!(self.now().to_string()));
        line.insert("level".to_owned(), json!(metadata.level().as_str()));
        line.insert("version".to_owned(), json!(VERSION));
        line.extend(request.map(|id| (REQUEST_ID.to_owned(), json!(id))));
        match metric {
            Some((_, members)) => line.extend(members),
            None => {
                line.insert("fields".to_owned(), Value::Object(fields.0));
                line.insert("target".to_owned(), json!(metadata.target()));
            }
        }
        Value::Object(line)
    }

    /// Now, in milliseconds: as it is written, it is what RFC 3339 asks for.
    fn now(&self) -> Timestamp {
        let now = self.clock.now();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }

    /// What tells CloudWatch to make a metric of a line, and the members of the line that it reads.
    fn metric(&self, fields: &Map<String, Value>) -> Option<(Value, Map<String, Value>)> {
        let stage = self.stage.as_deref()?;
        let metric = Metric::named(fields.get("metric")?.as_str()?)?;
        let mut members = Map::new();
        let dimension = metric.dimension().map(|(name, _)| name);
        if let Some(name) = dimension {
            members.insert(name.to_owned(), fields.get("of")?.clone());
        }
        members.insert(metric.name().to_owned(), fields.get("value")?.clone());
        let directive = json!({
            "Timestamp": self.now().as_millisecond(),
            "CloudWatchMetrics": [{
                "Namespace": format!("Perennial/{stage}"),
                "Dimensions": [dimension.into_iter().collect::<Vec<_>>()],
                "Metrics": [{"Name": metric.name(), "Unit": metric.unit()}],
            }],
        });
        Some((directive, members))
    }
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let request = request_id(context);
        writeln!(writer, "{}", self.line(event, request.as_deref()))
    }
}

/// The id of the request that is being handled: the runtime opens a span for each, whose fields are written as JSON.
fn request_id<S, N>(context: &FmtContext<'_, S, N>) -> Option<String>
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    context.event_scope()?.from_root().find_map(|span| {
        let extensions = span.extensions();
        let fields: Value = serde_json::from_str(&extensions.get::<FormattedFields<N>>()?.fields).ok()?;
        fields[REQUEST_ID].as_str().map(str::to_owned)
    })
}

/// The fields of an event.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }
}
