//! What rules can look at: the fields of a mail and of the envelope it came in.

use std::fmt;

use super::mail::{Envelope, Mail};

/// One thing that rules can look at. A field may have no value in a mail, or several (a header that repeats).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// The normalised subject.
    Subject,
    /// The decoded subject as it came.
    SubjectRaw,
    /// The text parts.
    Text,
    /// The HTML parts as text; see [`super::html::html_to_text`].
    HtmlText,
    /// The text parts, or the HTML as text: either may match, the text is tried first.
    Body,
    /// The HTML parts as they are.
    Html,
    /// The address in `From`.
    From,
    /// The address in `Reply-To`.
    ReplyTo,
    /// The envelope recipient, lower case.
    Recipient,
    /// What stands behind the `+` in the envelope recipient.
    Suffix,
    /// The reverse path.
    Sender,
    /// The address of the client that delivered the mail.
    Client,
    /// The names of attachments.
    Attachment,
    /// Any header, by name.
    Header(String),
}

/// The fields that are written by their name alone; headers are `header.NAME`.
const NAMED: [(&str, Field); 13] = [
    ("subject", Field::Subject),
    ("subject_raw", Field::SubjectRaw),
    ("text", Field::Text),
    ("html_text", Field::HtmlText),
    ("body", Field::Body),
    ("html", Field::Html),
    ("from", Field::From),
    ("reply_to", Field::ReplyTo),
    ("recipient", Field::Recipient),
    ("suffix", Field::Suffix),
    ("sender", Field::Sender),
    ("client", Field::Client),
    ("attachment", Field::Attachment),
];

impl Field {
    /// Every field but headers, with the name that definition files use.
    pub fn named() -> impl Iterator<Item = (&'static str, Self)> {
        NAMED.into_iter()
    }

    /// The field of that name, as definition files write it.
    pub fn parse(name: &str) -> Option<Self> {
        match name.strip_prefix("header.") {
            Some("") => None,
            Some(header) => Some(Self::Header(header.to_owned())),
            None => NAMED.into_iter().find(|(known, _)| *known == name).map(|(_, field)| field),
        }
    }

    /// Its values in a mail; an empty one is none.
    pub fn values<'m>(&'m self, mail: &'m Mail, envelope: &'m Envelope) -> impl Iterator<Item = &'m str> + Clone {
        let one = |value: &'m str| [value, ""];
        let (named, attachments, header) = match self {
            Self::Subject => (one(&mail.subject), &[][..], None),
            Self::SubjectRaw => (one(&mail.subject_raw), &[][..], None),
            Self::Text => (one(&mail.text), &[][..], None),
            Self::HtmlText => (one(mail.html_text()), &[][..], None),
            Self::Body => ([mail.text.as_str(), mail.html_text()], &[][..], None),
            Self::Html => (one(&mail.html), &[][..], None),
            Self::From => (one(&mail.from), &[][..], None),
            Self::ReplyTo => (one(&mail.reply_to), &[][..], None),
            Self::Recipient => (one(&envelope.recipient), &[][..], None),
            Self::Suffix => (one(envelope.suffix()), &[][..], None),
            Self::Sender => (one(&envelope.sender), &[][..], None),
            Self::Client => (one(&envelope.client.address), &[][..], None),
            Self::Attachment => (one(""), &mail.attachments[..], None),
            Self::Header(name) => (one(""), &[][..], Some(name.as_str())),
        };
        let headers = header.into_iter().flat_map(|name| mail.header(name));
        let values = named.into_iter().chain(attachments.iter().map(String::as_str)).chain(headers);
        values.filter(|value| !value.is_empty())
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(f, "header.{name}"),
            named => {
                let name = NAMED.iter().find(|(_, field)| field == named).map_or("", |(name, _)| *name);
                f.pad(name)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for (name, field) in Field::named() {
            assert_eq!(field.to_string(), name);
            assert_eq!(Field::parse(name), Some(field));
        }
        assert_eq!(Field::parse("header.X-Site").map(|field| field.to_string()).as_deref(), Some("header.X-Site"));
        assert_eq!(Field::parse("header."), None);
        assert_eq!(Field::parse("colour"), None);
    }

    #[test]
    fn the_envelope_is_a_field_like_any_other() {
        let mail = Mail::parse(b"Subject: x\nReply-To: Ops <OPS@example.org>\nX-A: 1\nX-A: 2\n\n");
        let envelope = Envelope::new("root@mon", "db+Eu-1@example.com", "192.0.2.7");
        let values = |name: &str| {
            let field = Field::parse(name).expect(name);
            field.values(&mail, &envelope).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(values("recipient"), ["db+eu-1@example.com"]);
        assert_eq!(values("suffix"), ["eu-1"]);
        assert_eq!(values("sender"), ["root@mon"]);
        assert_eq!(values("client"), ["192.0.2.7"]);
        assert_eq!(values("reply_to"), ["ops@example.org"]);
        assert_eq!(values("header.x-a"), ["1", "2"]);
        assert!(values("body").is_empty(), "an empty body is none");
    }
}
