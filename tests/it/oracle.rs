//! smtp-proto, the parser of another SMTP server, reads the same command lines as ours: same verb, same address, same
//! parameters. Where the two differ, the reason is listed here, with a line that shows it.

use nightcall::smtp::command::{self, Command};
use proptest::prelude::*;
use smtp_proto::{AUTH_LOGIN, AUTH_PLAIN, Request};

/// What a line says, as far as both parsers tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Said {
    Hello { extended: bool, name: String },
    Mail { address: String, size_bytes: u64 },
    Rcpt { address: String },
    Auth { mechanism: &'static str, initial: String },
    Verb(&'static str),
}

fn ours(line: &str) -> Option<Said> {
    Some(match command::parse(line.as_bytes()).ok()? {
        Command::Helo(name) => Said::Hello { extended: false, name },
        Command::Ehlo(name) => Said::Hello { extended: true, name },
        Command::Mail { address, size_bytes, .. } => {
            Said::Mail { address: unquoted(&address), size_bytes: size_bytes.unwrap_or(0) }
        }
        Command::Rcpt(address) => Said::Rcpt { address: unquoted(&address) },
        Command::Auth { mechanism, initial } => {
            let known = ["PLAIN", "LOGIN"].into_iter().find(|known| *known == mechanism)?;
            Said::Auth { mechanism: known, initial: String::from_utf8(initial).expect("from a str") }
        }
        Command::Data => Said::Verb("DATA"),
        Command::Bdat => Said::Verb("BDAT"),
        Command::Rset => Said::Verb("RSET"),
        Command::Noop => Said::Verb("NOOP"),
        Command::Quit => Said::Verb("QUIT"),
        Command::Vrfy => Said::Verb("VRFY"),
        Command::Help => Said::Verb("HELP"),
        Command::StartTls => Said::Verb("STARTTLS"),
        Command::NotOffered => Said::Verb("not offered"),
        Command::Http => return None,
    })
}

fn theirs(line: &str) -> Option<Said> {
    let line = format!("{line}\r\n");
    Some(match Request::parse(&mut line.as_bytes().iter()).ok()? {
        Request::Helo { host } => Said::Hello { extended: false, name: host.into_owned() },
        Request::Ehlo { host } => Said::Hello { extended: true, name: host.into_owned() },
        Request::Mail { from } => {
            Said::Mail { address: from.address.into_owned(), size_bytes: u64::try_from(from.size).expect("64 bits") }
        }
        Request::Rcpt { to } => Said::Rcpt { address: to.address.into_owned() },
        Request::Auth { mechanism, initial_response } => {
            let known = [(AUTH_PLAIN, "PLAIN"), (AUTH_LOGIN, "LOGIN")];
            let (_, mechanism) = known.into_iter().find(|(flag, _)| *flag == mechanism)?;
            Said::Auth { mechanism, initial: initial_response.into_owned() }
        }
        Request::Data => Said::Verb("DATA"),
        Request::Bdat { .. } => Said::Verb("BDAT"),
        Request::Rset => Said::Verb("RSET"),
        Request::Noop { .. } => Said::Verb("NOOP"),
        Request::Quit => Said::Verb("QUIT"),
        Request::Vrfy { .. } => Said::Verb("VRFY"),
        Request::Help { .. } => Said::Verb("HELP"),
        Request::StartTls => Said::Verb("STARTTLS"),
        Request::Expn { .. } | Request::Etrn { .. } => Said::Verb("not offered"),
        // Verbs that do not exist here.
        Request::Lhlo { .. } | Request::Atrn { .. } | Request::Burl { .. } => return None,
    })
}

/// smtp-proto takes the quotes off; we keep them, since they tell `"a@b"` from `a@b`.
fn unquoted(address: &str) -> String {
    let mut out = String::new();
    let mut escaped = false;
    for c in address.chars() {
        match c {
            '\\' if !escaped => escaped = true,
            '"' if !escaped => {}
            c => {
                out.push(c);
                escaped = false;
            }
        }
    }
    out
}

struct Difference {
    why: &'static str,
    /// Shows it.
    line: &'static str,
    /// Whether it may show in a line.
    applies: fn(&Line) -> bool,
}

/// A command line, in the parts that differences are about.
#[derive(Debug)]
struct Line {
    text: String,
    verb: String,
    argument: String,
    /// What stands behind the colon of MAIL and RCPT.
    path: Option<String>,
}

impl Line {
    fn new(text: &str) -> Self {
        let trimmed = text.trim_matches([' ', '\t']);
        let end = trimmed.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(trimmed.len());
        let (verb, argument) = (trimmed[..end].to_ascii_uppercase(), trimmed[end..].to_owned());
        let path = matches!(verb.as_str(), "MAIL" | "RCPT")
            .then(|| argument.split_once(':').map(|(_, path)| path.trim().to_owned()))
            .flatten();
        Self { text: text.to_owned(), verb, argument, path }
    }

    fn has_name(&self) -> bool {
        matches!(self.verb.as_str(), "HELO" | "EHLO" | "AUTH")
    }

    /// Words of a name, or of what stands behind the mechanism of AUTH.
    fn words(&self) -> usize {
        self.argument.split_ascii_whitespace().count()
            - usize::from(self.verb == "AUTH" && !self.argument.trim().is_empty())
    }

    fn path(&self, says: impl Fn(&str) -> bool) -> bool {
        self.path.as_deref().is_some_and(says)
    }

    /// What stands between the brackets, with a `q` for each quoted part.
    fn address(&self, says: impl Fn(&str) -> bool) -> bool {
        self.path(|path| {
            let path = without_quoted(path);
            let inner = path.split_once('<').map_or(path.as_str(), |(_, rest)| rest);
            says(inner.split_once('>').map_or(inner, |(address, _)| address))
        })
    }

    /// Parameters, upper case.
    fn parameters(&self) -> Vec<String> {
        let path = without_quoted(self.path.as_deref().unwrap_or_default()).to_ascii_uppercase();
        let parameters = path.split_once('>').map_or("", |(_, rest)| rest);
        parameters.split_ascii_whitespace().map(str::to_owned).collect()
    }
}

/// A `q` for each quoted part.
fn without_quoted(path: &str) -> String {
    let (mut out, mut quoted, mut escaped) = (String::new(), false, false);
    for c in path.chars() {
        if escaped {
            escaped = false;
        } else if quoted && c == '\\' {
            escaped = true;
        } else if c == '"' {
            quoted = !quoted;
            if quoted {
                out.push('q');
            }
        } else if !quoted {
            out.push(c);
        }
    }
    out
}

/// What we take and smtp-proto refuses: what devices send.
const WE_TAKE_MORE: &[Difference] = &[
    Difference {
        why: "HELO without a name, as UPS cards say it",
        line: "HELO",
        applies: |line| matches!(line.verb.as_str(), "HELO" | "EHLO") && line.argument.trim().is_empty(),
    },
    Difference { why: "a tab in front of a verb", line: "\tNOOP", applies: |line| line.text.starts_with('\t') },
    Difference {
        why: "two blanks in front of a name",
        line: "HELO  ups",
        applies: |line| line.has_name() && line.argument.starts_with("  "),
    },
    Difference {
        why: "an address without brackets, as RAID drivers write it",
        line: "MAIL FROM:a@b",
        applies: |line| line.path(|path| !path.starts_with('<')),
    },
    Difference {
        why: "an address without a domain",
        line: "RCPT TO:<oncall>",
        applies: |line| line.address(|address| !address.rsplit(':').next().unwrap_or(address).contains('@')),
    },
    Difference {
        why: "an address at an IP literal",
        line: "MAIL FROM:<root@[192.0.2.1]>",
        applies: |line| line.address(|address| address.contains('[')),
    },
    Difference {
        why: "two brackets",
        line: "MAIL FROM:<<a@b>>",
        applies: |line| line.path(|path| path.contains("<<") || path.contains(">>")),
    },
    Difference {
        why: "dots where the grammar has none",
        line: "MAIL FROM:<.a..b@c>",
        applies: |line| {
            line.address(|address| {
                address.starts_with('.') || address.contains("..") || address.contains(".@") || address.contains("@.")
            })
        },
    },
    Difference {
        why: "parameters nobody knows, or with odd values",
        line: "MAIL FROM:<a@b> XOORG=c",
        applies: |line| line.parameters().iter().any(|parameter| !usual(&line.verb, parameter)),
    },
    Difference {
        why: "a parameter given twice",
        line: "RCPT TO:<a@b> NOTIFY=NEVER NOTIFY=NEVER",
        applies: |line| {
            line.parameters().iter().any(|it| line.parameters().iter().filter(|other| *other == it).count() > 1)
        },
    },
    Difference {
        why: "VRFY, EXPN and ETRN of nobody: they are answered alike whatever they ask",
        line: "VRFY",
        applies: |line| matches!(line.verb.as_str(), "VRFY" | "EXPN" | "ETRN") && line.argument.trim().is_empty(),
    },
    Difference {
        why: "BDAT of any size: the session ends, since what follows it is no command",
        line: "BDAT x",
        applies: |line| line.verb == "BDAT",
    },
    Difference { why: "TURN, which is refused as not offered", line: "TURN", applies: |line| line.verb == "TURN" },
];

/// What smtp-proto takes, or reads otherwise.
const THEY_TAKE_OTHER: &[Difference] = &[
    Difference {
        why: "their names and initial responses end at the first blank, and keep a tab",
        line: "HELO two words",
        applies: |line| line.has_name() && (line.words() > 1 || line.text.trim_start().contains('\t')),
    },
    Difference {
        why: "the values of their AUTH and ENVID go on behind a tab",
        line: "MAIL FROM:<> AUTH=<>\tSIZE=1",
        applies: |line| {
            line.text.contains('\t')
                && line.parameters().iter().any(|it| it.starts_with("AUTH") || it.starts_with("ENVID"))
        },
    },
    Difference {
        why: "their domains may be empty",
        line: "MAIL FROM:<root@>",
        applies: |line| line.address(|address| address.ends_with('@')),
    },
    Difference {
        why: "their postmaster has no address",
        line: "RCPT TO:<postmaster>",
        applies: |line| line.address(|address| address.eq_ignore_ascii_case("postmaster")),
    },
    Difference {
        why: "their RCPT may be the null path",
        line: "RCPT TO:<>",
        applies: |line| line.verb == "RCPT" && line.address(str::is_empty),
    },
    Difference {
        why: "their CR within an address is dropped",
        line: "MAIL FROM:<a\rb@c>",
        applies: |line| line.text.contains('\r'),
    },
    Difference {
        why: "their sizes of more digits than fit start again",
        line: "MAIL FROM:<a@b> SIZE=99999999999999999999999999",
        applies: |line| line.parameters().iter().any(|parameter| parameter.len() > "SIZE=".len() + 18),
    },
    Difference {
        why: "their DATA and STARTTLS may have arguments; ours might hide a command",
        line: "DATA now",
        applies: |line| matches!(line.verb.as_str(), "DATA" | "STARTTLS") && !line.argument.trim().is_empty(),
    },
];

/// What every server knows.
fn usual(verb: &str, parameter: &str) -> bool {
    let size = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    match verb {
        "MAIL" => {
            ["SMTPUTF8", "BODY=7BIT", "BODY=8BITMIME", "RET=FULL", "RET=HDRS", "AUTH=<>"].contains(&parameter)
                || parameter.strip_prefix("SIZE=").is_some_and(size)
        }
        _ => parameter == "NOTIFY=NEVER",
    }
}

fn explained(differences: &[Difference], line: &Line) -> bool {
    differences.iter().any(|difference| (difference.applies)(line))
}

#[test]
fn every_difference_is_one() {
    for difference in WE_TAKE_MORE.iter().chain(THEY_TAKE_OTHER) {
        let Difference { why, line, applies } = difference;
        assert_ne!(ours(line), theirs(line), "{why}: {line:?}");
        assert!(applies(&Line::new(line)), "{why}: {line:?}");
    }
    for Difference { why, line, .. } in WE_TAKE_MORE {
        assert!(ours(line).is_some() && theirs(line).is_none(), "{why}: {line:?} is ours alone");
    }
    for Difference { why, line, .. } in THEY_TAKE_OTHER {
        assert!(theirs(line).is_some(), "{why}: {line:?} is theirs");
    }
}

fn one_of(words: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(words)
}

fn in_any_case(word: &str, cases: &[bool]) -> String {
    let upper = |at: usize| cases.get(at % cases.len().max(1)).copied().unwrap_or(true);
    word.chars().enumerate().map(|(at, c)| if upper(at) { c } else { c.to_ascii_lowercase() }).collect()
}

fn addresses() -> impl Strategy<Value = String> {
    let local = one_of(&[
        "root",
        "a.b",
        "x+1",
        "\"john doe\"",
        "\"a@c\"",
        "\"a>b\"",
        "\"a\\\"b\"",
        "postmaster",
        "x%y",
        "x!y",
        ".a",
        "a..b",
        "\u{e4}",
        "a\rb",
        "",
        "@r,@s:x",
    ]);
    let domain = one_of(&[
        "",
        "@b",
        "@mon01.example",
        "@my_host",
        "@[192.0.2.1]",
        "@b@c",
        "@",
        "@.b",
        "@b-c.d",
        "@\u{fc}.example",
    ]);
    (local, domain).prop_map(|(local, domain)| format!("{local}{domain}"))
}

fn paths() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => addresses().prop_map(|address| format!("<{address}>")),
        1 => Just("<>".to_owned()),
        1 => addresses(),
        1 => addresses().prop_map(|address| format!("<<{address}>>")),
        1 => addresses().prop_map(|address| format!("Nagios <{address}>")),
        1 => addresses().prop_map(|address| format!("<{address}")),
    ]
}

fn lines() -> impl Strategy<Value = String> {
    let blank = || one_of(&["", "", "", " ", "  ", "\t"]);
    let parameter = one_of(&[
        " SIZE=12",
        " SIZE=0",
        " SIZE=1234567890123",
        " SIZE=99999999999999999999999999",
        " SIZE=x",
        " BODY=8BITMIME",
        " BODY=7BIT",
        " SMTPUTF8",
        " AUTH=<>",
        " RET=HDRS",
        " ENVID=x",
        " XOORG=y",
        " NOTIFY=NEVER",
        "\tSIZE=1",
    ]);
    let envelope = (
        one_of(&["MAIL FROM", "RCPT TO", "MAIL TO", "MAIL", "RCPT"]),
        one_of(&[":", ":", ":", ": ", " :", " : ", ""]),
        paths(),
        prop::collection::vec(parameter, 0..3),
    )
        .prop_map(|(verb, colon, path, parameters)| format!("{verb}{colon}{path}{}", parameters.concat()));
    let other = (
        one_of(&[
            "HELO",
            "EHLO",
            "DATA",
            "RSET",
            "NOOP",
            "QUIT",
            "VRFY",
            "EXPN",
            "HELP",
            "STARTTLS",
            "ETRN",
            "TURN",
            "BDAT",
            "AUTH PLAIN",
            "AUTH LOGIN",
            "AUTH",
            "LHLO",
            "XYZZY",
            "NOOPX",
            "",
        ]),
        one_of(&[
            "",
            "",
            " ",
            " mon01",
            " my_host",
            " two words",
            " [192.0.2.1]",
            " AHVwcwBzZWNyZXQ=",
            "  dXBz",
            " 10 LAST",
            " 10",
            "\tx",
            "-",
        ]),
    )
        .prop_map(|(verb, argument)| format!("{verb}{argument}"));
    let cases = prop_oneof![Just(vec![true]), Just(vec![false]), prop::collection::vec(any::<bool>(), 1..12)];
    (blank(), prop_oneof![3 => envelope, 2 => other], blank(), cases)
        .prop_map(|(before, line, after, cases)| format!("{before}{}{after}", in_any_case(&line, &cases)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn another_parser_reads_the_same(text in lines()) {
        let line = Line::new(&text);
        match (ours(&text), theirs(&text)) {
            (Some(ours), Some(theirs)) if ours == theirs => {}
            (None, None) => {}
            (Some(ours), None) => {
                prop_assert!(explained(WE_TAKE_MORE, &line), "{text:?} is {ours:?} to us alone");
            }
            (ours, Some(theirs)) => {
                prop_assert!(explained(THEY_TAKE_OTHER, &line), "{text:?} is {ours:?} to us and {theirs:?} to them");
            }
        }
    }

    /// And whatever is no command to both: no panic, the same answer each time.
    #[test]
    fn any_text_is_no_command_to_both_or_explained(text in "[^\r\n]{0,60}") {
        let line = Line::new(&text);
        if let (Some(ours), Some(theirs)) = (ours(&text), theirs(&text)) {
            prop_assert!(ours == theirs || explained(THEY_TAKE_OTHER, &line), "{text:?}: {ours:?}, {theirs:?}");
        }
    }
}
