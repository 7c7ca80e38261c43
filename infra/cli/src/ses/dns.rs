//! Asking a name server for texts, mail exchangers and aliases: over UDP, and over TCP where the answer is too long for it.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(3);
/// How often a server is asked that does not answer.
const ATTEMPTS: u32 = 2;
/// The longest answer over UDP without an extension.
const LONGEST: usize = 4_096;
/// Where systems name their name servers.
const SYSTEM: &str = "/etc/resolv.conf";
const PORT: u16 = 53;

/// Why nothing is known of a name: that it has no such record is an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DnsError {
    /// The name cannot be asked for.
    #[error("{0} is no name")]
    Name(String),
    /// The server does not answer.
    #[error("the name server does not answer")]
    Silent,
    /// The server answers that it cannot tell.
    #[error("the name server answers {0}")]
    Refused(String),
    /// What it answers cannot be read.
    #[error("the name server's answer cannot be read")]
    Unreadable,
    /// The system names no server.
    #[error("{SYSTEM} names no name server: give one with --resolver")]
    NoServer,
}

/// A name server.
#[derive(Clone, Copy, Debug)]
pub struct Dns {
    server: SocketAddr,
}

impl Dns {
    /// The server at this address.
    pub fn at(server: SocketAddr) -> Self {
        Self { server }
    }

    /// The first server that the system names.
    ///
    /// # Errors
    /// [`DnsError::NoServer`].
    pub fn of_system() -> Result<Self, DnsError> {
        let text = std::fs::read_to_string(SYSTEM).map_err(|_| DnsError::NoServer)?;
        named(&text).map(|address| Self::at(SocketAddr::new(address, PORT))).ok_or(DnsError::NoServer)
    }

    /// Every text of a name, its parts joined.
    ///
    /// # Errors
    /// [`DnsError`].
    pub async fn texts(&self, name: &str) -> Result<Vec<String>, DnsError> {
        let text = |data: &RData| match data {
            RData::TXT(text) => Some(text.txt_data.iter().map(|part| String::from_utf8_lossy(part)).collect()),
            _ => None,
        };
        self.ask(name, RecordType::TXT, text).await
    }

    /// Every mail exchanger of a name with its preference.
    ///
    /// # Errors
    /// [`DnsError`].
    pub async fn exchangers(&self, name: &str) -> Result<Vec<(u16, String)>, DnsError> {
        let exchanger = |data: &RData| match data {
            RData::MX(mx) => Some((mx.preference, plain(&mx.exchange))),
            _ => None,
        };
        self.ask(name, RecordType::MX, exchanger).await
    }

    /// What a name is an alias of.
    ///
    /// # Errors
    /// [`DnsError`].
    pub async fn alias(&self, name: &str) -> Result<Vec<String>, DnsError> {
        let alias = |data: &RData| match data {
            RData::CNAME(alias) => Some(plain(&alias.0)),
            _ => None,
        };
        self.ask(name, RecordType::CNAME, alias).await
    }

    async fn ask<T>(
        &self,
        name: &str,
        kind: RecordType,
        read: impl Fn(&RData) -> Option<T>,
    ) -> Result<Vec<T>, DnsError> {
        let asked = Name::from_ascii(format!("{}.", name.trim_end_matches('.')))
            .map_err(|_| DnsError::Name(name.to_owned()))?;
        let mut message = Message::new(fastrand::u16(..), MessageType::Query, OpCode::Query);
        message.metadata.recursion_desired = true;
        message.add_query(Query::query(asked, kind));
        let answer = self.exchange(&message).await?;
        match answer.metadata.response_code {
            ResponseCode::NoError => Ok(answer.answers.iter().filter_map(|record| read(&record.data)).collect()),
            ResponseCode::NXDomain => Ok(Vec::new()),
            other => Err(DnsError::Refused(other.to_string())),
        }
    }

    async fn exchange(&self, message: &Message) -> Result<Message, DnsError> {
        let bytes = message.to_vec().map_err(|_| DnsError::Unreadable)?;
        for _ in 0..ATTEMPTS {
            let Ok(Ok(answer)) = timeout(ATTEMPT, self.by_udp(&bytes)).await else { continue };
            let Some(answer) = answer_to(message, &answer) else { continue };
            if !answer.metadata.truncation {
                return Ok(answer);
            }
            let Ok(Ok(whole)) = timeout(ATTEMPT, self.by_tcp(&bytes)).await else { continue };
            return answer_to(message, &whole).ok_or(DnsError::Unreadable);
        }
        Err(DnsError::Silent)
    }

    async fn by_udp(&self, message: &[u8]) -> std::io::Result<Vec<u8>> {
        let here = if self.server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(here).await?;
        // Connected: nobody else's packet is taken for the answer.
        socket.connect(self.server).await?;
        socket.send(message).await?;
        let mut answer = vec![0; LONGEST];
        let length = socket.recv(&mut answer).await?;
        answer.truncate(length);
        Ok(answer)
    }

    async fn by_tcp(&self, message: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(self.server).await?;
        let length = u16::try_from(message.len()).map_err(|_| std::io::ErrorKind::InvalidInput)?;
        stream.write_all(&[&length.to_be_bytes()[..], message].concat()).await?;
        let length = stream.read_u16().await?;
        let mut answer = vec![0; usize::from(length)];
        stream.read_exact(&mut answer).await?;
        Ok(answer)
    }
}

/// An answer to this question, and to no other.
fn answer_to(asked: &Message, answer: &[u8]) -> Option<Message> {
    let answer = Message::from_vec(answer).ok()?;
    let is_ours = answer.metadata.id == asked.metadata.id && answer.metadata.message_type == MessageType::Response;
    is_ours.then_some(answer)
}

/// A name as people write it: in lower case, without the dot at its end.
fn plain(name: &Name) -> String {
    name.to_ascii().trim_end_matches('.').to_ascii_lowercase()
}

/// The first server in a system's list.
fn named(text: &str) -> Option<IpAddr> {
    let lines = text.lines().filter_map(|line| line.trim().strip_prefix("nameserver"));
    lines.filter_map(|rest| rest.split_whitespace().next()?.parse().ok()).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_systems_first_server_is_asked() {
        for (text, expected) in [
            ("# made by\nsearch example.com\nnameserver 192.0.2.53\nnameserver 192.0.2.54\n", Some("192.0.2.53")),
            ("nameserver 2001:db8::53\n", Some("2001:db8::53")),
            ("nameserver fe80::1%eth0\nnameserver 192.0.2.54", Some("192.0.2.54")),
            ("", None),
        ] {
            assert_eq!(named(text).map(|address| address.to_string()).as_deref(), expected, "{text}");
        }
    }
}
