//! A listener whose connections can be cut by the handler that answers on them.
//!
//! Owns the one thing an HTTP framework has no word for: not answering. Only loopback addresses.

use std::io;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

/// Cuts a connection: what is written to it from now on fails, so that the client sees no reply.
#[derive(Debug, Clone, Default)]
pub(crate) struct HangUp(Arc<AtomicBool>);

impl HangUp {
    pub(crate) fn cut(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

pub(crate) struct Loopback(TcpListener);

impl Loopback {
    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// No port can be had.
    pub(crate) async fn bind() -> io::Result<Self> {
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map(Self)
    }

    pub(crate) fn url(&self) -> io::Result<String> {
        Ok(format!("http://{}", self.0.local_addr()?))
    }

    pub(crate) fn into_plain(self) -> TcpListener {
        self.0
    }
}

impl Listener for Loopback {
    type Io = Cuttable;
    type Addr = HangUp;

    async fn accept(&mut self) -> (Cuttable, HangUp) {
        let (stream, _) = Listener::accept(&mut self.0).await;
        let hang_up = HangUp::default();
        (Cuttable { stream, hang_up: hang_up.clone() }, hang_up)
    }

    fn local_addr(&self) -> io::Result<HangUp> {
        Ok(HangUp::default())
    }
}

impl Connected<IncomingStream<'_, Loopback>> for HangUp {
    fn connect_info(stream: IncomingStream<'_, Loopback>) -> Self {
        stream.remote_addr().clone()
    }
}

pub(crate) struct Cuttable {
    stream: TcpStream,
    hang_up: HangUp,
}

impl Cuttable {
    fn check(&self) -> io::Result<()> {
        match self.hang_up.0.load(Ordering::SeqCst) {
            true => Err(io::ErrorKind::ConnectionReset.into()),
            false => Ok(()),
        }
    }
}

impl AsyncRead for Cuttable {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Cuttable {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
