//! A local program: modem, siren, telephone exchange. This is the pure part: what is run with which input, and
//! what its end means. Nothing of a message is ever an argument or a variable: all of it is JSON on standard input.
//!
//! Exit codes as sysexits(3) has them, which is what mail systems agreed on.

use std::path::{Path, PathBuf};

use crate::notify::exchange::{Outcome, provider_words};
use crate::notify::message::Message;
use crate::notify::webhook;

/// Longest reference read from standard output, in characters.
pub const REFERENCE_CHARS_MAX: usize = 200;

/// Try later (EX_TEMPFAIL).
const TEMPFAIL: i32 = 75;
/// What trying again does not change: EX_USAGE, EX_DATAERR, EX_NOUSER, EX_NOHOST, EX_UNAVAILABLE, EX_PROTOCOL,
/// EX_NOPERM, EX_CONFIG, and the shell's "cannot be run" and "not found".
const FINAL: [i32; 10] = [64, 65, 67, 68, 69, 76, 77, 78, 126, 127];

/// A program that settings allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Its absolute path.
    pub program: PathBuf,
    /// Its arguments, as they are: no shell, nothing is filled in.
    pub arguments: Vec<String>,
    /// The programs that settings allow; definitions can only choose among them.
    pub allowed: Vec<PathBuf>,
}

/// What is to be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// What it reads.
    pub input: String,
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// With this code.
    Exited(i32),
    /// By a signal.
    Killed,
    /// It took too long and was stopped.
    TimedOut,
    /// It could not be started; another attempt may find it.
    NotStarted,
}

/// What is run for a message. Its input is the generic webhook's body with `address` beside it.
///
/// # Errors
/// When settings do not allow the program.
pub fn command(config: &Config, address: &str, message: &Message<'_>) -> Result<Command, String> {
    if !is_plain(&config.program) {
        return Err("the path of a program is absolute and has no ..".to_owned());
    }
    if !config.allowed.contains(&config.program) {
        return Err(format!("settings do not allow the program {}", config.program.display()));
    }
    if config.arguments.iter().any(|argument| argument.contains('\0')) {
        return Err("an argument cannot hold a zero byte".to_owned());
    }
    let mut input = webhook::value(message);
    input["id"] = message.id.into();
    input["address"] = address.into();
    Ok(Command { program: config.program.clone(), arguments: config.arguments.clone(), input: format!("{input}\n") })
}

/// What the program's end means; its first line of output is the reference, its first line of errors the reason.
/// An unknown code is tried again: attempts are counted, and a page must not be lost to a hiccup.
pub fn judge(end: End, output: &str, errors: &str) -> Outcome {
    let first =
        |text: &str| provider_words(text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default());
    let said = |why: String| match first(errors) {
        words if words.is_empty() => why,
        words => format!("{why}: {words}"),
    };
    match end {
        End::Exited(0) => Outcome::Accepted(crate::notify::text::cut(&first(output), REFERENCE_CHARS_MAX)),
        End::Exited(code) if FINAL.contains(&code) => {
            Outcome::Failed(said(format!("the program ended with code {code}")))
        }
        End::Exited(TEMPFAIL) => Outcome::Retry(said("the program asks to try later".to_owned())),
        End::Exited(code) => Outcome::Retry(said(format!("the program ended with code {code}"))),
        End::Killed => Outcome::Retry(said("the program was killed".to_owned())),
        End::TimedOut => Outcome::Retry(said("the program took too long".to_owned())),
        End::NotStarted => Outcome::Retry("the program could not be started".to_owned()),
    }
}

fn is_plain(path: &Path) -> bool {
    path.is_absolute() && path.components().all(|part| part != std::path::Component::ParentDir)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::tests::sample;

    fn config(program: &str) -> Config {
        Config {
            program: program.into(),
            arguments: vec!["--loud".to_owned(), "$(id) {{ x }}".to_owned()],
            allowed: vec!["/usr/local/bin/siren".into(), "relative".into(), "/usr/../bin/sh".into()],
        }
    }

    #[test]
    fn only_what_settings_allow_is_run() {
        let made = |program| sample::page("x", |message| command(&config(program), "horn", message));
        assert!(made("/usr/local/bin/siren").is_ok());
        for refused in ["/bin/sh", "relative", "/usr/../bin/sh", ""] {
            assert!(made(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn mail_content_is_input_only() {
        for text in sample::hostile_texts() {
            let made = sample::hostile_page(&text, |m| command(&config("/usr/local/bin/siren"), "horn", m).unwrap());
            assert_eq!(made.arguments, ["--loud", "$(id) {{ x }}"]);
            assert_eq!(made.input.matches('\n').count(), 1);
            let input = sample::json(&made.input);
            assert_eq!((input["address"].as_str(), input["id"].as_str()), (Some("horn"), Some("m1")));
        }
    }

    #[test]
    fn ends() {
        let judged = |end| judge(end, "\n call-7\nmore", "no line\r\nx");
        assert_eq!(judged(End::Exited(0)), Outcome::Accepted("call-7".to_owned()));
        let failed = Outcome::Failed("the program ended with code 78: no line".to_owned());
        assert_eq!(judged(End::Exited(78)), failed);
        for code in [64, 65, 67, 68, 69, 76, 77, 126, 127] {
            assert!(matches!(judged(End::Exited(code)), Outcome::Failed(_)), "{code}");
        }
        for end in [
            End::Exited(1),
            End::Exited(70),
            End::Exited(75),
            End::Exited(-1),
            End::Killed,
            End::TimedOut,
            End::NotStarted,
        ] {
            assert!(matches!(judged(end), Outcome::Retry(_)), "{end:?}");
        }
    }
}
