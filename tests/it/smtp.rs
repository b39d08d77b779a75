//! A small SMTP client for tests: says exactly the bytes it is told and reads replies with a time limit.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const PATIENCE: Duration = Duration::from_secs(20);

/// Plaintext or TLS.
trait Transport: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Transport for T {}

pub(crate) struct Client {
    stream: BufReader<Box<dyn Transport>>,
}

impl Client {
    pub(crate) async fn connect(server: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(Box::new(stream)) })
    }

    /// Connects where TLS comes first.
    pub(crate) async fn connect_tls(server: SocketAddr, config: &Arc<ClientConfig>) -> std::io::Result<Self> {
        Self::connect(server).await?.start_tls(config).await
    }

    /// Encrypts the connection, whose server is `mx.test`. Nothing may be unread by then.
    pub(crate) async fn start_tls(self, config: &Arc<ClientConfig>) -> std::io::Result<Self> {
        let name = "mx.test".try_into().expect("a name");
        let handshake = TlsConnector::from(Arc::clone(config)).connect(name, self.into_stream());
        let stream = tokio::time::timeout(PATIENCE, handshake).await.expect("the server shakes hands in time")?;
        Ok(Self { stream: BufReader::new(Box::new(stream)) })
    }

    /// The connection itself. Nothing may be unread by then.
    pub(crate) fn into_stream(self) -> impl AsyncRead + AsyncWrite + Unpin {
        assert!(self.stream.buffer().is_empty(), "the server says nothing in plaintext behind its 220");
        self.stream.into_inner()
    }

    pub(crate) async fn say(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// One line without its end; `None` when the server has closed.
    pub(crate) async fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        let read = tokio::time::timeout(PATIENCE, self.stream.read_until(b'\n', &mut line)).await;
        match read.expect("the server answers in time") {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned()),
        }
    }

    /// One whole reply; the last line of it. `None` when the server has closed.
    pub(crate) async fn reply(&mut self) -> Option<String> {
        loop {
            let line = self.line().await?;
            if line.as_bytes().get(3) != Some(&b'-') {
                return Some(line);
            }
        }
    }

    pub(crate) async fn command(&mut self, line: &str) -> Option<String> {
        self.say(format!("{line}\r\n").as_bytes()).await.ok()?;
        self.reply().await
    }

    /// Says the envelope and the mail; the reply to the final dot. `None` when the server has gone.
    pub(crate) async fn deliver(&mut self, from: &str, to: &[&str], raw: &[u8]) -> Option<String> {
        let mut replies = vec![self.command(&format!("MAIL FROM:<{from}>")).await?];
        for recipient in to {
            replies.push(self.command(&format!("RCPT TO:<{recipient}>")).await?);
        }
        replies.push(self.command("DATA").await?);
        if let Some(refused) = replies.iter().find(|reply| !reply.starts_with(['2', '3'])) {
            return Some(refused.clone());
        }
        self.say(&stuffed(raw)).await.ok()?;
        self.reply().await
    }

    /// Ends our side and reads what the server still says.
    pub(crate) async fn finish(mut self) -> Vec<String> {
        let _ = self.stream.shutdown().await;
        let mut rest = Vec::new();
        while let Some(line) = self.line().await {
            rest.push(line);
        }
        rest
    }
}

/// Doubles dots at line starts, ends the text with CR LF and adds the final dot.
pub(crate) fn stuffed(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len() + 8);
    let mut line_start = true;
    for (at, byte) in raw.iter().enumerate() {
        if line_start && *byte == b'.' {
            out.push(b'.');
        }
        out.push(*byte);
        line_start = *byte == b'\n' && at > 0 && raw[at - 1] == b'\r';
    }
    if !line_start || raw.is_empty() {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
    out
}
