//! What DNS says about where a mail comes from, in words: SPF, DKIM, DMARC and ARC. The door looks; here is what it
//! found and what that is worth.
//!
//! DNS trouble is a word of its own, because it must never look like a forgery: a page that is not sent for want of a
//! name server is worse than one too many.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What one check found, in four of the words of RFC 8601 section 2.7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Found {
    /// It is as the domain wants it.
    Pass,
    /// It is not.
    Fail,
    /// There is nothing to check.
    None,
    /// DNS did not answer, or not in time.
    Unknown,
}

impl Found {
    /// The word used in the database and the API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::None => "none",
            Self::Unknown => "unknown",
        }
    }
}

/// What was found about one domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// In a word.
    pub found: Found,
    /// The domain that is spoken for; lower case, empty when nobody is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub domain: String,
    /// Why, where that is not plain; for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
}

/// Everything that was found about one mail. What nobody asked for was not looked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authentication {
    /// Whether the client may send for the domain of the reverse path, or for its HELO name where that is null
    /// (RFC 7208).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spf: Option<Claim>,
    /// Each signature (RFC 6376).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dkim: Option<Vec<Claim>>,
    /// Whether the domain in `From` stands behind the mail (RFC 9989).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dmarc: Option<Claim>,
    /// Whether the last in an unbroken chain of forwarders says that DMARC passed when it got the mail (RFC 8617).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arc: Option<Claim>,
}

impl Authentication {
    /// Whether DNS has told everything that is wanted.
    pub fn is_known(&self, wanted: Wanted) -> bool {
        let told = |claim: Option<&Claim>| claim.is_some_and(|claim| claim.found != Found::Unknown);
        let signatures = || self.dkim.iter().flatten();
        (!wanted.spf || told(self.spf.as_ref()))
            && (!wanted.dkim || self.dkim.is_some() && signatures().all(|claim| told(Some(claim))))
            && (!wanted.dmarc || told(self.dmarc.as_ref()))
            && (!wanted.arc || told(self.arc.as_ref()))
    }
}

/// Which checks somebody wants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted {
    /// SPF.
    pub spf: bool,
    /// DKIM.
    pub dkim: bool,
    /// DMARC, which takes SPF and DKIM as well.
    pub dmarc: bool,
    /// ARC.
    pub arc: bool,
}

impl Wanted {
    /// Whether there is anything to do.
    pub fn is_anything(self) -> bool {
        self != Self::default()
    }

    /// What either wants.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            spf: self.spf || other.spf,
            dkim: self.dkim || other.dkim,
            dmarc: self.dmarc || other.dmarc,
            arc: self.arc || other.arc,
        }
    }
}

/// For which domains a check must pass; any, where none is named.
pub type Domains = Vec<String>;

/// What must pass for a sender to count; all that is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Demands {
    /// SPF.
    pub spf: Option<Domains>,
    /// A signature.
    pub dkim: Option<Domains>,
    /// DMARC, for the domain in `From`.
    pub dmarc: Option<Domains>,
    /// The last forwarder's seal.
    pub arc: Option<Domains>,
}

/// Whether something holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Truth {
    /// No.
    No,
    /// Nobody can tell now.
    Unknown,
    /// Yes.
    Yes,
}

impl Demands {
    /// Whether nothing is demanded.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What must be looked for to tell.
    pub fn wanted(&self) -> Wanted {
        Wanted {
            spf: self.spf.is_some(),
            dkim: self.dkim.is_some(),
            dmarc: self.dmarc.is_some(),
            arc: self.arc.is_some(),
        }
    }

    /// Whether they are met by a mail with this address in `From`.
    pub fn met(&self, authentication: &Authentication, from: &str) -> Truth {
        let author = from.rsplit_once('@').map_or("", |(_, domain)| domain);
        // The check and the rules must have read the same author: a mail with several is not what it seems.
        let dmarc = authentication.dmarc.as_ref();
        let dmarc = dmarc.filter(|claim| claim.found != Found::Pass || claim.domain.eq_ignore_ascii_case(author));
        let misread = authentication.dmarc.is_some() && dmarc.is_none();
        let one = |domains: &Option<Domains>, claim: Option<&Claim>| met(domains, claim.map(std::slice::from_ref));
        let truths = [
            one(&self.spf, authentication.spf.as_ref()),
            met(&self.dkim, authentication.dkim.as_deref()),
            if misread && self.dmarc.is_some() { Truth::No } else { one(&self.dmarc, dmarc) },
            one(&self.arc, authentication.arc.as_ref()),
        ];
        truths.into_iter().min().unwrap_or(Truth::Yes)
    }
}

/// Whether one of the claims passes for one of the domains. What was not looked for is not known.
fn met(domains: &Option<Domains>, claims: Option<&[Claim]>) -> Truth {
    let Some(domains) = domains else { return Truth::Yes };
    let Some(claims) = claims else { return Truth::Unknown };
    let named = |claim: &&Claim| domains.is_empty() || domains.iter().any(|d| d.eq_ignore_ascii_case(&claim.domain));
    let truth = |claim: &Claim| match claim.found {
        Found::Pass => Truth::Yes,
        Found::Unknown => Truth::Unknown,
        Found::Fail | Found::None => Truth::No,
    };
    claims.iter().filter(named).map(truth).max().unwrap_or(Truth::No)
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.found.word())?;
        if !self.domain.is_empty() {
            write!(f, " {}", self.domain)?;
        }
        if !self.why.is_empty() {
            write!(f, " ({})", self.why)?;
        }
        Ok(())
    }
}

/// As in `spf=pass mon.example, dkim=fail mon.example (the text was changed)`; empty when nothing was looked for.
impl fmt::Display for Authentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        parts.extend(self.spf.iter().map(|claim| format!("spf={claim}")));
        match self.dkim.as_deref() {
            Some([]) => parts.push("dkim=none".to_owned()),
            signatures => parts.extend(signatures.unwrap_or_default().iter().map(|claim| format!("dkim={claim}"))),
        }
        parts.extend(self.dmarc.iter().map(|claim| format!("dmarc={claim}")));
        parts.extend(self.arc.iter().map(|claim| format!("arc={claim}")));
        f.write_str(&parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(found: Found, domain: &str) -> Claim {
        Claim { found, domain: domain.to_owned(), why: String::new() }
    }

    #[test]
    fn demands() {
        let none = Demands::default;
        let any = || Some(Vec::new());
        let of = |domain: &str| Some(vec![domain.to_owned()]);
        let found = Authentication {
            spf: Some(claim(Found::Pass, "mon.example")),
            dkim: Some(vec![
                claim(Found::Fail, "mon.example"),
                claim(Found::Pass, "Relay.example"),
                claim(Found::Unknown, "slow.example"),
            ]),
            dmarc: Some(claim(Found::Pass, "mon.example")),
            arc: None,
        };
        for (demands, truth) in [
            (none(), Truth::Yes),
            (Demands { spf: any(), ..none() }, Truth::Yes),
            (Demands { spf: of("MON.example"), ..none() }, Truth::Yes),
            (Demands { spf: of("other.example"), ..none() }, Truth::No),
            (Demands { dkim: of("relay.example"), ..none() }, Truth::Yes),
            (Demands { dkim: of("mon.example"), ..none() }, Truth::No),
            (Demands { dkim: of("slow.example"), ..none() }, Truth::Unknown),
            (Demands { dkim: of("slow.example"), spf: of("other.example"), ..none() }, Truth::No),
            (Demands { dmarc: any(), ..none() }, Truth::Yes),
            (Demands { arc: of("list.example"), ..none() }, Truth::Unknown),
            (Demands { arc: of("list.example"), dmarc: any(), ..none() }, Truth::Unknown),
        ] {
            assert_eq!(demands.met(&found, "nagios@mon.example"), truth, "{demands:?}");
        }
        let dmarc = Demands { dmarc: any(), ..none() };
        assert_eq!(dmarc.met(&found, "nagios@other.example"), Truth::No, "rules read another author than DMARC did");
        let trouble = Authentication { dmarc: Some(claim(Found::Unknown, "mon.example")), ..found };
        assert_eq!(dmarc.met(&trouble, "nagios@mon.example"), Truth::Unknown);
    }

    #[test]
    fn words() {
        let why = |claim: Claim, why: &str| Claim { why: why.to_owned(), ..claim };
        let found = Authentication {
            spf: Some(claim(Found::None, "")),
            dkim: Some(vec![why(claim(Found::Fail, "mon.example"), "the text was changed")]),
            ..Authentication::default()
        };
        assert_eq!(found.to_string(), "spf=none, dkim=fail mon.example (the text was changed)");
        let json = serde_json::to_string(&found).expect("JSON");
        let expected =
            r#"{"spf":{"found":"none"},"dkim":[{"found":"fail","domain":"mon.example","why":"the text was changed"}]}"#;
        assert_eq!(json, expected);
        assert_eq!(serde_json::from_str::<Authentication>(&json).expect("read"), found);
        assert_eq!(serde_json::to_string(&Authentication::default()).expect("JSON"), "{}");
        assert_eq!(Authentication { dkim: Some(Vec::new()), ..Default::default() }.to_string(), "dkim=none");
    }
}
