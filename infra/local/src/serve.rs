//! The local world in real time.
//!
//! Owns the loop that delivers what arrives and fires schedules as the wall's time passes. Only on loopback: what runs
//! here has no authentication.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Response, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use jiff::SignedDuration;
use tokio::net::TcpListener;

use crate::gateway::{BODY_BYTES_MAX, message};
use crate::world::{World, WorldError};

/// How long something may lie that came past the emulated services, such as an item written by an SDK client.
const POLL: Duration = Duration::from_millis(200);

/// The clock is stored this often; after kill -9 it resumes at most so far behind.
const CLOCK_STORED_EVERY: SignedDuration = SignedDuration::from_secs(5);

impl World {
    /// Serves the template's routes, and `extra` for every other path, with the clock following the system's, until the
    /// future is dropped or the listener fails.
    ///
    /// Schedules that should have fired while the process was not running fire at once, each once, with the last time
    /// they missed.
    ///
    /// # Errors
    /// A listener that is not on loopback, a function without implementation, or a failing listener. A failing
    /// delivery is logged and tried again.
    pub async fn serve(&self, listener: TcpListener, extra: Router) -> Result<(), WorldError> {
        let address = listener.local_addr()?;
        if !address.ip().is_loopback() {
            return Err(WorldError::NotLoopback(address));
        }
        self.ready()?;
        self.inner.core.clock.follow_system();
        let router = extra.layer(from_fn_with_state(self.clone(), answer));
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        tokio::select! {
            served = axum::serve(listener, service) => served.map_err(WorldError::from),
            () = self.keep_time() => Ok(()),
        }
    }

    async fn keep_time(&self) {
        loop {
            if let Err(error) = self.deliver_what_is_due().await {
                tracing::error!(%error, "the local world could not deliver; it tries again");
                tokio::time::sleep(POLL).await;
            }
            tokio::select! {
                () = self.inner.core.arrivals.notified() => {}
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }

    async fn deliver_what_is_due(&self) -> Result<(), WorldError> {
        let mut fired_until = self.inner.delivering.lock().await;
        let now = self.inner.core.clock.now();
        let due: Vec<_> = self
            .inner
            .schedules
            .iter()
            .filter_map(|schedule| Some((schedule, schedule.schedule.last_between(*fired_until, now)?)))
            .collect();
        if !due.is_empty() || now.duration_since(*fired_until) >= CLOCK_STORED_EVERY {
            self.fire(&due, now)?;
            *fired_until = now;
        }
        self.deliver_all().await?;
        Ok(())
    }
}

/// The template's routes first: a page must not hide what is deployed.
async fn answer(State(world): State<World>, request: Request, next: Next) -> Response<Body> {
    if !world.has_route(request.method().as_str(), request.uri().path()) {
        return next.run(request).await;
    }
    let (head, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_BYTES_MAX).await else {
        return message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large").map(Body::from);
    };
    match world.http(Request::from_parts(head, body)).await {
        Ok(response) => response.map(Body::from),
        Err(error) => {
            tracing::error!(%error, "the local world could not answer");
            message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error").map(Body::from)
        }
    }
}
