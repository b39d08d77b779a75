//! What nightcall sends, received by an SMTP server written by somebody else (mailin-embedded).

use std::net::IpAddr;
use std::sync::mpsc::{Receiver, Sender, channel};

use mailin_embedded::{Handler, Response, Server, response};
use nightcall::smtp::client;

/// A mail as it arrived: sender, recipients, bytes.
pub(crate) type Arrived = (String, Vec<String>, Vec<u8>);

/// Collects mails: envelope and bytes.
#[derive(Clone)]
struct Sink {
    from: String,
    to: Vec<String>,
    bytes: Vec<u8>,
    out: Sender<Arrived>,
}

impl Handler for Sink {
    fn helo(&mut self, _: IpAddr, _: &str) -> Response {
        response::OK
    }

    fn mail(&mut self, _: IpAddr, _: &str, from: &str) -> Response {
        from.clone_into(&mut self.from);
        response::OK
    }

    fn rcpt(&mut self, to: &str) -> Response {
        self.to.push(to.to_owned());
        response::OK
    }

    fn data(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn data_end(&mut self) -> Response {
        let mail = (std::mem::take(&mut self.from), std::mem::take(&mut self.to), std::mem::take(&mut self.bytes));
        match self.out.send(mail) {
            Ok(()) => response::OK,
            Err(_) => response::INTERNAL_ERROR,
        }
    }
}

pub(crate) fn sink() -> (std::net::SocketAddr, Receiver<Arrived>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let (out, mails) = channel();
    let mut server = Server::new(Sink { from: String::new(), to: Vec::new(), bytes: Vec::new(), out });
    server.with_name("sink").with_num_threads(2).with_tcp_listener(listener);
    std::thread::spawn(move || {
        let _ = server.serve();
    });
    (address, mails)
}

#[tokio::test]
async fn a_captured_mail_arrives_as_it_was() {
    let (address, mails) = sink();
    let raw = b"Subject: dots\r\n\r\n.one\r\n..two\r\n.\r\nend\r\n";
    client::send(address, "root@mon01.example", "db@alerts.example.com", raw).await.expect("sent");
    let received = tokio::task::spawn_blocking(move || mails.recv_timeout(std::time::Duration::from_secs(10)));
    let (from, to, bytes) = received.await.expect("no panic").expect("a mail arrives");
    assert_eq!((from.as_str(), to), ("root@mon01.example", vec!["db@alerts.example.com".to_owned()]));
    assert_eq!(String::from_utf8_lossy(&bytes), String::from_utf8_lossy(raw));
}
