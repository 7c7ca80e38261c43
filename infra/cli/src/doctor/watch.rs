//! The two questions that are asked of CloudWatch: which alarms are raised, and what a figure was.
//!
//! They are signed with what the SDKs sign with, and sent in the JSON protocol: CloudWatch's own SDK would bring a second version of
//! `http` into every build. Source: the service's public API description (version 2010-08-01, protocols `json` 1.0).

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use http::Request;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use jiff::{SignedDuration, Timestamp};
use perennial_platform::metrics::Metric;
use serde_json::{Value, json};

use super::Read;
use crate::stack::Stack;

/// The service's name in a signature.
const SERVICE: &str = "monitoring";
const TARGET: &str = "GraniteServiceVersion20100801";
/// The longest answer that is read, in bytes.
const LONGEST: usize = 4 * 1024 * 1024;
/// How long an answer may take.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);
/// CloudWatch takes so many names a call.
const NAMES: usize = 100;
/// Over so long one looks for a job's last end: the weekly mail's, and some more.
const JOBS_OVER: SignedDuration = SignedDuration::from_hours(24 * 9);
/// Seconds that are summed up, so that these days fit into one answer.
const JOBS_PERIOD: i64 = 600;
/// Over so long the oldest message of a queue is looked for.
const AGE_OVER: SignedDuration = SignedDuration::from_mins(15);
const AGE_PERIOD: i64 = 300;
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// CloudWatch at an instant.
pub(super) struct Watch<'a> {
    pub(super) config: &'a SdkConfig,
    pub(super) now: Timestamp,
}

/// A figure of CloudWatch.
struct Figure<'a> {
    namespace: &'a str,
    name: &'a str,
    dimension: Option<(&'a str, &'a str)>,
    statistic: &'a str,
    over: SignedDuration,
    period: i64,
}

impl Watch<'_> {
    /// The alarms of a stack that are raised, by their names in the template. One without figures is silent, not in trouble.
    pub(super) async fn alarms(&self, stack: &Stack) -> Read<Vec<(String, String)>> {
        let of_stack = stack.resources.iter().filter(|(logical, _)| logical.ends_with("Alarm"));
        let by_name: BTreeMap<&str, &str> =
            of_stack.map(|(logical, physical)| (physical.as_str(), logical.as_str())).collect();
        let names: Vec<&str> = by_name.keys().copied().collect();
        let mut raised = Vec::new();
        for names in names.chunks(NAMES) {
            let asked = json!({"AlarmNames": names, "StateValue": "ALARM", "MaxRecords": NAMES});
            let answer = self.ask("DescribeAlarms", &asked).await?;
            for alarm in answer["MetricAlarms"].as_array().into_iter().flatten() {
                let name = alarm["AlarmName"].as_str().unwrap_or_default();
                // Asked for once more here: whoever answers may give all of them.
                if alarm["StateValue"] == "ALARM" {
                    raised.push((by_name.get(name).copied().unwrap_or(name).to_owned(), "ALARM".to_owned()));
                }
            }
        }
        Ok(raised)
    }

    /// Mails of a day of which nobody knows, and how many of them were settled.
    pub(super) async fn unknown_sends(&self, namespace: &str) -> Read<(i64, i64)> {
        let sum = async |name: &'static str| {
            let figure = Figure { namespace, name, dimension: None, statistic: "Sum", over: DAY, period: 3_600 };
            let values = self.values(figure).await?;
            Ok::<i64, String>(values.iter().map(|(_, value)| value).sum())
        };
        Ok((sum("UnknownSends").await?, sum("UnknownSendsSettled").await?))
    }

    /// How old the oldest message of a queue is, in seconds.
    pub(super) async fn oldest_message(&self, queue: &str) -> Read<Option<i64>> {
        let figure = Figure {
            namespace: "AWS/SQS",
            name: "ApproximateAgeOfOldestMessage",
            dimension: Some(("QueueName", queue)),
            statistic: "Maximum",
            over: AGE_OVER,
            period: AGE_PERIOD,
        };
        Ok(self.values(figure).await?.last().map(|(_, seconds)| *seconds))
    }

    /// When a job last ended well.
    pub(super) async fn last_end(&self, namespace: &str, job: &str) -> Read<Option<Timestamp>> {
        let figure = Figure {
            namespace,
            name: Metric::JobFinished.name(),
            dimension: Some(("job", job)),
            statistic: "Sum",
            over: JOBS_OVER,
            period: JOBS_PERIOD,
        };
        Ok(self.values(figure).await?.last().map(|(at, _)| *at))
    }

    /// The figure's values above zero in whole numbers, the oldest first.
    async fn values(&self, figure: Figure<'_>) -> Read<Vec<(Timestamp, i64)>> {
        let Figure { namespace, name, dimension, statistic, over, period } = figure;
        let dimensions: Vec<Value> =
            dimension.iter().map(|(name, value)| json!({"Name": name, "Value": value})).collect();
        let asked = json!({
            "Namespace": namespace, "MetricName": name, "Dimensions": dimensions, "Statistics": [statistic],
            "StartTime": (self.now - over).as_second(), "EndTime": self.now.as_second(), "Period": period,
        });
        let answer = self.ask("GetMetricStatistics", &asked).await?;
        let value = |point: &Value| Some((instant(&point["Timestamp"])?, point[statistic].as_f64()? as i64));
        let points = answer["Datapoints"].as_array().into_iter().flatten();
        let mut values: Vec<(Timestamp, i64)> = points.filter_map(value).filter(|(_, value)| *value > 0).collect();
        values.sort_unstable();
        Ok(values)
    }

    async fn ask(&self, operation: &str, asked: &Value) -> Read<Value> {
        let request = self.signed(operation, asked.to_string()).await?;
        let connector = HttpsConnectorBuilder::new().with_native_roots().map_err(|error| error.to_string())?;
        let client = Client::builder(TokioExecutor::new()).build(connector.https_or_http().enable_http1().build());
        let exchange = async {
            let answer = client.request(request).await.map_err(|error| error.to_string())?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), LONGEST).collect().await.map_err(|error| error.to_string())?;
            let body: Value = serde_json::from_slice(&body.to_bytes()).unwrap_or_default();
            if status.is_success() {
                return Ok(body);
            }
            let code = body["__type"].as_str().and_then(|code| code.rsplit('#').next());
            Err(code.map_or_else(|| format!("CloudWatch answers {status}"), str::to_owned))
        };
        tokio::time::timeout(PATIENCE, exchange).await.map_err(|_| "CloudWatch does not answer".to_owned())?
    }

    async fn signed(&self, operation: &str, body: String) -> Read<Request<Full<axum::body::Bytes>>> {
        let region = self.config.region().ok_or("no region: set AWS_REGION")?.as_ref().to_owned();
        let provider = self.config.credentials_provider().ok_or("no credentials")?;
        let credentials = provider.provide_credentials().await.map_err(|error| error.to_string())?;
        let url = self.config.endpoint_url().map_or_else(
            || format!("https://{SERVICE}.{region}.amazonaws.com/"),
            |endpoint| format!("{}/", endpoint.trim_end_matches('/')),
        );
        let target = format!("{TARGET}.{operation}");
        let headers = [("content-type", "application/x-amz-json-1.0"), ("x-amz-target", target.as_str())];
        let identity = credentials.into();
        let settings = v4::SigningParams::builder()
            .identity(&identity)
            .region(&region)
            .name(SERVICE)
            .time(self.now.into())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| error.to_string())?;
        let signable =
            SignableRequest::new("POST", url.as_str(), headers.into_iter(), SignableBody::Bytes(body.as_bytes()));
        let signature = sign(signable.map_err(|error| error.to_string())?, &settings.into());
        let (instructions, _) = signature.map_err(|error| error.to_string())?.into_parts();
        let mut request = Request::post(&url);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let mut request = request.body(Full::from(body)).map_err(|error| error.to_string())?;
        instructions.apply_to_request_http1x(&mut request);
        Ok(request)
    }
}

/// An instant as the JSON protocol writes it, in seconds; some write text.
fn instant(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => text.parse().ok(),
        number => Timestamp::from_second(number.as_f64()? as i64).ok(),
    }
}
