//! A name server for tests, on loopback: answers TXT questions from a table, or fails in the ways name servers do.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::UdpSocket;

/// How a name server behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// It answers from its table; what is not there does not exist.
    Answers,
    /// It never says anything.
    Silent,
    /// It answers SERVFAIL.
    Fails,
}

pub(crate) struct NameServer {
    pub(crate) address: SocketAddr,
    questions: Arc<AtomicUsize>,
}

impl NameServer {
    /// Starts one with these TXT records, by name without a dot at its end.
    pub(crate) async fn start(records: &[(&str, String)], mood: Mood) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        let address = socket.local_addr().expect("an address");
        let table: HashMap<String, String> =
            records.iter().map(|(name, text)| ((*name).to_owned(), text.clone())).collect();
        let questions = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&questions);
        tokio::spawn(async move {
            let mut bytes = [0; 4096];
            while let Ok((count, peer)) = socket.recv_from(&mut bytes).await {
                counted.fetch_add(1, Ordering::SeqCst);
                if mood != Mood::Silent {
                    let reply = answer(&bytes[..count], &table, mood);
                    let _ = socket.send_to(&reply, peer).await;
                }
            }
        });
        Self { address, questions }
    }

    /// How often it was asked.
    pub(crate) fn questions(&self) -> usize {
        self.questions.load(Ordering::SeqCst)
    }

    /// The section of the settings that leads here.
    pub(crate) fn section(&self) -> String {
        format!("[smtp.dns]\nservers = [\"{}\"]\ntimeout = \"900ms\"\n", self.address)
    }
}

/// A reply to a question (RFC 1035 section 4.1).
fn answer(question: &[u8], table: &HashMap<String, String>, mood: Mood) -> Vec<u8> {
    let (mut labels, mut at) = (Vec::new(), 12);
    while question[at] != 0 {
        let length = usize::from(question[at]);
        labels.push(String::from_utf8_lossy(&question[at + 1..=at + length]).to_lowercase());
        at += length + 1;
    }
    let end = at + 5;
    let is_text = question[at + 1..at + 3] == [0, 16];
    let text = table.get(&labels.join(".")).filter(|_| is_text && mood == Mood::Answers);
    let code = match (mood, text) {
        (Mood::Fails, _) => 2,
        (_, Some(_)) => 0,
        (_, None) => 3,
    };
    let mut reply = question[..2].to_vec();
    reply.extend([0x81, 0x80 | code, 0, 1, 0, u8::from(text.is_some()), 0, 0, 0, 0]);
    reply.extend(&question[12..end]);
    if let Some(text) = text {
        let data: Vec<u8> = text
            .as_bytes()
            .chunks(255)
            .flat_map(|chunk| std::iter::once(u8::try_from(chunk.len()).expect("short")).chain(chunk.iter().copied()))
            .collect();
        reply.extend([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60]);
        reply.extend(u16::try_from(data.len()).expect("short").to_be_bytes());
        reply.extend(data);
    }
    reply
}
