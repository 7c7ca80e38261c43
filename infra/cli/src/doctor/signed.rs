//! A service of AWS, asked without its SDK: the request is signed with what the SDKs sign with.
//!
//! It knows neither operations nor what answers mean: `watch` and `topic` do.

use aws_config::SdkConfig;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use axum::body::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use jiff::Timestamp;

use super::Read;

/// The longest answer that is read, in bytes.
const LONGEST: usize = 4 * 1024 * 1024;
/// How long an answer may take.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

/// A service.
pub(super) struct Signed<'a> {
    pub(super) config: &'a SdkConfig,
    pub(super) now: Timestamp,
    /// Its name in a signature, and before the region in the host's name.
    pub(super) service: &'static str,
}

impl Signed<'_> {
    /// Sends a request, and reads its answer whatever it is.
    pub(super) async fn post(&self, headers: &[(&str, &str)], body: String) -> Read<(StatusCode, Bytes)> {
        let request = self.signed(headers, body).await?;
        let connector = HttpsConnectorBuilder::new().with_native_roots().map_err(|error| error.to_string())?;
        let client = Client::builder(TokioExecutor::new()).build(connector.https_or_http().enable_http1().build());
        let exchange = async {
            let answer = client.request(request).await.map_err(|error| error.to_string())?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), LONGEST).collect().await.map_err(|error| error.to_string())?;
            Ok((status, body.to_bytes()))
        };
        tokio::time::timeout(PATIENCE, exchange).await.map_err(|_| format!("{} does not answer", self.service))?
    }

    async fn signed(&self, headers: &[(&str, &str)], body: String) -> Read<Request<Full<Bytes>>> {
        let region = self.config.region().ok_or("no region: set AWS_REGION")?.as_ref().to_owned();
        let provider = self.config.credentials_provider().ok_or("no credentials")?;
        let credentials = provider.provide_credentials().await.map_err(|error| error.to_string())?;
        let url = self.config.endpoint_url().map_or_else(
            || format!("https://{}.{region}.amazonaws.com/", self.service),
            |endpoint| format!("{}/", endpoint.trim_end_matches('/')),
        );
        let identity = credentials.into();
        let settings = v4::SigningParams::builder()
            .identity(&identity)
            .region(&region)
            .name(self.service)
            .time(self.now.into())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| error.to_string())?;
        let signable =
            SignableRequest::new("POST", url.as_str(), headers.iter().copied(), SignableBody::Bytes(body.as_bytes()));
        let signature = sign(signable.map_err(|error| error.to_string())?, &settings.into());
        let (instructions, _) = signature.map_err(|error| error.to_string())?.into_parts();
        let mut request = Request::post(&url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Full::from(body)).map_err(|error| error.to_string())?;
        instructions.apply_to_request_http1x(&mut request);
        Ok(request)
    }
}
