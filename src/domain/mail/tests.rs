use super::bounded::HEADER_LINES_MAX;
use super::*;

#[test]
fn reads_the_fields_rules_need() {
    let mail = Mail::parse(
        b"From: Root <ROOT@Mon.example>\r\nSubject: Re: =?utf-8?q?Plat=C3=A9e?=\r\n full\r\nX-Check: disk\r\n\
          Message-ID: <1@mon>\r\nDate: Sat, 21 Nov 2026 10:00:00 +0200\r\n\r\nline 1\r\nline 2\r\n",
    );
    assert_eq!(mail.subject_raw, "Re: Platée full");
    assert_eq!(mail.subject, "Platée full");
    assert_eq!(mail.from, "root@mon.example");
    assert_eq!(mail.text.trim_end(), "line 1\nline 2");
    assert_eq!(mail.message_id.as_deref(), Some("1@mon"));
    assert_eq!(mail.date.map(|d| d.to_string()).as_deref(), Some("2026-11-21T08:00:00Z"));
    assert_eq!(mail.header("x-check").collect::<Vec<_>>(), ["disk"]);
    assert!(mail.defects.is_empty(), "{:?}", mail.defects);
}

#[test]
fn any_bytes_are_a_mail() {
    for raw in [&b""[..], b"\0", b"no header at all", b"Subject: x", &[0xff; 4096], b"\r\n\r\n"] {
        let mail = Mail::parse(raw);
        assert!(!mail.defects.is_empty(), "{raw:?} has defects");
        assert!(!mail.text.contains('\0') && !mail.subject_raw.contains('\0'));
    }
}

#[test]
fn html_only_mail_has_words() {
    let mail = Mail::parse(b"Content-Type: text/html\r\n\r\n<p>pump <b>down</b></p>");
    assert!(mail.body().contains("pump down"), "{:?}", mail.body());
}

#[test]
fn origin_is_the_date_only_when_plausible() {
    let received: Timestamp = "2026-11-21T10:00:00Z".parse().expect("timestamp");
    let mail = |date: &str| Mail { date: Some(date.parse().expect("timestamp")), ..Mail::default() };
    let origin = |date: &str| mail(date).origin_at(received).to_string();
    assert_eq!(origin("2026-11-21T09:00:00Z"), "2026-11-21T09:00:00Z");
    assert_eq!(origin("2026-11-21T10:05:00Z"), "2026-11-21T10:05:00Z");
    assert_eq!(origin("2026-11-21T11:00:00Z"), "2026-11-21T10:00:00Z");
    assert_eq!(origin("2026-11-01T10:00:00Z"), "2026-11-21T10:00:00Z");
    assert_eq!(Mail::default().origin_at(received), received);
}

#[test]
fn bombs_are_read_in_bounds() {
    let watch = crate::clock::Stopwatch::start();
    for bomb in [
        "Content-Type: message/rfc822\n\n".repeat(30_000),
        "Content-Type: message /rfc822\r\n\r\n".repeat(30_000),
        "content-type : message\r\n /rfc822\r\n\r\n".repeat(30_000),
        " Content-Type: message/rfc822\n\n".repeat(34_000),
        "C ontent-Type:message/rfc822\n\n".repeat(34_000),
        ":Content-Type:message/rfc822\n\n".repeat(34_000),
        "Content-Type: multipart/mixed; boundary=b\n\n".to_owned()
            + &"--bContent-Type: message/rfc822\n\n".repeat(30_000),
        "Content-Type: message/rfc822\nContent-Transfer-Encoding: quoted-printable\n\n".to_owned()
            + &"C=6Fntent-Type:message/rfc822\n\n".repeat(30_000),
        "Content-Type: multipart/digest; boundary=b\n\n--b\nContent-Transfer-Encoding: base64\n\n".to_owned()
            + &"Q29udGVudC1UeXBlOm1lc3NhZ2UvcmZjODIyICAgCgog".repeat(20_000),
        "Content-Type: multipart/digest; boundary=b\n\n--b\n\n".repeat(20_000),
        "Subject: x\n \n".to_owned() + &"a:\n".repeat(300_000),
        "a:\n".repeat(3_000_000),
        "Subject: ".to_owned() + &"[ext]".repeat(100_000) + "\n\nx",
        (0..20_000).map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n")).collect(),
    ] {
        let mail = Mail::parse(bomb.as_bytes());
        assert!(mail.subject_raw.len() <= SUBJECT_BYTES_MAX && mail.headers.len() <= HEADER_LINES_MAX);
    }
    assert!(watch.elapsed().as_secs() < 60, "took {:?}", watch.elapsed());
}

#[test]
fn headers_in_no_known_charset_are_read_in_bounds() {
    let watch = crate::clock::Stopwatch::start();
    let headers = b"X-Site: caf\xe9\n".repeat(HEADER_LINES_MAX - 1);
    let mail = Mail::parse(&[&headers[..], b"Subject: caf\xe9\n\n", &b"un caf\xe9 ".repeat(10_000)].concat());
    assert_eq!(mail.header("X-Site").next(), Some("café"));
    assert_eq!(mail.headers.len(), HEADER_LINES_MAX);
    assert!(watch.elapsed().as_secs() < 20, "took {:?}", watch.elapsed());
}

#[test]
fn parts_are_decoded_as_they_declare() {
    let text = |encoding: &str, charset: &str, body: &str| {
        let mail = Mail::parse(
            format!(
                "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain; charset={charset}\n\
                 Content-Transfer-Encoding: {encoding}\n\n{body}\n--b--\n"
            )
            .as_bytes(),
        );
        let broken = mail.defects.iter().any(|defect| defect.contains("does not decode"));
        (mail.text, broken)
    };
    for (encoding, charset, body, expected, broken) in [
        ("Base64", "utf-8", "ZMOpasOg", "déjà", false),
        ("base64 (as usual)", "utf-16", "//5kAOkA", "dé", false),
        ("base64", "utf-8", "no base 64!", "no base 64!", true),
        ("quoted-printable", "iso-8859-1", "d=E9j=E0", "déjà", false),
        ("quoted-printable", "utf-8", "state is DOWN=", "state is DOWN", false),
        ("quoted-printable", "utf-8", "load 5=zz", "load 5=zz", false),
        ("7bit", "utf-8", "d=E9", "d=E9", false),
    ] {
        assert_eq!(text(encoding, charset, body), (expected.to_owned(), broken), "{encoding} {charset} {body}");
    }
}

#[test]
fn a_mail_with_too_many_parts_still_has_its_words() {
    let raw = format!("Subject: parts\n\nthe disk is full\n{}", "Content-Type: multipart/x\n".repeat(300));
    let mail = Mail::parse(raw.as_bytes());
    assert_eq!(mail.subject, "parts");
    assert!(mail.text.contains("the disk is full"));
    assert!(mail.defects.iter().any(|defect| defect.contains("nested parts")), "{:?}", mail.defects);
}

#[test]
fn an_endless_body_is_cut_for_rules() {
    let mut raw = b"Subject: x\r\n\r\n".to_vec();
    raw.extend("é".repeat(FIELD_BYTES_MAX).bytes());
    let mail = Mail::parse(&raw);
    assert!(mail.text.len() <= FIELD_BYTES_MAX);
    assert!(mail.defects.iter().any(|defect| defect.contains("rules see the beginning")));
}
