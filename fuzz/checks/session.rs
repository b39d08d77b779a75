//! Bytes of a client, of any kind: the session answers within its limits, and the same however they are cut.

use std::sync::Arc;

use nightcall::smtp::session::{Acceptance, Committed, Limits, Session, Step, Terms};
use nightcall::smtp::users::Checked;

const SIZE_BYTES_MAX: usize = 500;

/// What a session says and hands on.
#[derive(Debug, Default, PartialEq, Eq)]
struct Heard {
    codes: Vec<u16>,
    mails: Vec<(String, Vec<String>, Vec<u8>)>,
}

/// The first byte chooses what is offered, the second how the others are cut.
pub(crate) fn check(input: &[u8]) {
    let Some(([offer, cut], said)) = input.split_first_chunk::<2>() else { return };
    let terms = Terms {
        starttls: offer & 1 != 0,
        require_tls: offer & 2 != 0,
        auth: offer & 4 != 0,
        auth_in_plaintext: offer & 8 != 0,
        require_auth: offer & 16 != 0,
    };
    let whole = hear(said, said.len().max(1), terms);
    let pieces = hear(said, usize::from(*cut).max(1), terms);
    // Where TLS begins, what came along in plaintext is dropped, and that depends on what came along.
    if !terms.starttls {
        assert_eq!(whole, pieces, "cut into pieces of {cut}");
    }
}

fn hear(said: &[u8], step: usize, terms: Terms) -> Heard {
    let limits = Limits {
        hostname: "mx.test".to_owned(),
        size_bytes_max: SIZE_BYTES_MAX as u64,
        recipients_max: 3,
        command_bytes_max: 200,
        errors_max: 10,
        idle_commands_max: 10,
        mails_max: 3,
    };
    let accepts = |address: &str| match address.len() % 3 {
        0 => Acceptance::UnknownMailbox,
        1 => Acceptance::Accepted,
        _ => Acceptance::ForeignDomain,
    };
    let mut session = Session::new(Arc::new(limits), terms);
    let mut heard = Heard::default();
    let (mut lines, mut closed) = (0, false);
    for piece in said.chunks(step) {
        lines += piece.iter().filter(|byte| **byte == b'\n').count();
        session.push(piece);
        while !closed {
            match session.next(accepts) {
                Step::Read => break,
                Step::Reply(reply) => heard.codes.push(reply.code),
                Step::StartTls(reply) => {
                    heard.codes.push(reply.code);
                    assert!(terms.starttls, "TLS is only begun where it is offered");
                    session.secured();
                }
                Step::Check(credentials) => {
                    assert!(terms.auth, "passwords are only taken where that is offered");
                    let checked = if credentials.name == "ups" { Checked::Right } else { Checked::Wrong };
                    match session.checked(checked) {
                        Step::Reply(reply) => heard.codes.push(reply.code),
                        Step::Close(reply) => {
                            heard.codes.push(reply.code);
                            closed = true;
                        }
                        other => panic!("a check is answered by a reply, not by {other:?}"),
                    }
                }
                Step::Close(reply) => {
                    heard.codes.push(reply.code);
                    closed = true;
                }
                Step::Commit(envelope, body) => {
                    assert!(!envelope.recipients.is_empty() && envelope.recipients.len() <= 3);
                    assert!(body.len() <= SIZE_BYTES_MAX);
                    assert!(!terms.require_auth || session.user().is_some(), "mail of somebody unknown");
                    heard.mails.push((envelope.reverse_path, envelope.recipients, body));
                    heard.codes.push(session.committed(Committed::Durable("id")).code);
                }
            }
        }
        assert!(session.held_bytes() <= SIZE_BYTES_MAX);
        assert!(heard.codes.len() <= lines, "a reply needs a line");
    }
    heard
}
