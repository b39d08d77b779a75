//! Hands a mail in over SMTP, as a monitor's own mail program would: for the demo, and to prove that mail gets through.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use lettre::address::Envelope;
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream};
use lettre::transport::smtp::extension::ClientId;

const TIMEOUT: Duration = Duration::from_secs(15);

/// Sends the bytes and returns the last line of the server's answer.
///
/// # Errors
/// When the server does not take the mail.
pub async fn send(server: SocketAddr, from: &str, to: &str, raw: &[u8]) -> anyhow::Result<String> {
    let hello = ClientId::Domain("mon01".to_owned());
    let stream = tokio::net::TcpStream::connect(server).await?;
    // Without it the final dot waits 40 ms for the acknowledgement of the text before it.
    stream.set_nodelay(true)?;
    let stream: Box<dyn AsyncTokioStream> = Box::new(stream);
    let mut connection = AsyncSmtpConnection::connect_with_transport(stream, &hello).await?;
    let envelope = Envelope::new(Some(from.parse()?), vec![to.parse()?])?;
    // The library ends the text itself.
    let text = raw.strip_suffix(b"\r\n").unwrap_or(raw);
    let sending = tokio::time::timeout(TIMEOUT, connection.send(&envelope, text));
    let response = sending.await.context("the server did not answer in time")??;
    ensure!(response.is_positive(), "the server refused the mail: {}", response.code());
    let _ = connection.quit().await;
    Ok(response.message().last().unwrap_or_default().to_owned())
}
