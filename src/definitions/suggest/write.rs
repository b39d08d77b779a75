//! Rules as TOML.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::rule::{Asks, Rule, Source};
use crate::domain::alert::Action;

/// The text of a rule file.
pub(super) fn pack(name: &str, rules: &[Rule]) -> String {
    let mut out =
        format!("description = {}\n\n", text(&format!("{name}: written by `rules suggest` from sample mails")));
    out.push_str("# Every line is a guess from a few samples. Read the patterns and the key before relying on them.\n");
    for rule in rules {
        write_rule(&mut out, rule);
    }
    out
}

fn write_rule(out: &mut String, rule: &Rule) {
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    line("\n[[rule]]".to_owned());
    line(format!("name = {}", text(&rule.name)));
    match &rule.asks {
        Asks::Always(action) => {
            line(format!("action = {}", text(action.word())));
            if *action == Action::Ignore {
                line("reason = \"told to be of no concern when the rule was made\"".to_owned());
            }
        }
        Asks::ByWord { capture, words } => {
            let words = words.iter().map(|(word, action)| (word.as_str(), action.word())).collect();
            line(format!(
                "action = {{ from = {}, map = {{ {} }}, default = \"trigger\" }}",
                text(capture),
                map(&words)
            ));
        }
    }
    line(format!("dedup_key = {}", text(&rule.key)));
    if let Some(grades) = &rule.grades {
        let words = grades.words.iter().map(|(word, severity)| (word.as_str(), severity.word())).collect();
        line(format!(
            "severity = {{ from = {}, map = {{ {} }}, default = \"error\" }}",
            text(&grades.capture),
            map(&words)
        ));
    }
    if let Some(summary) = &rule.summary {
        line(format!("summary = {}", text(summary)));
    }
    write_criteria(out, rule);
    for (title, entries) in [("details", &rule.details), ("links", &rule.links)] {
        if !entries.is_empty() {
            let _ = writeln!(out, "\n[rule.{title}]");
            for (title, capture) in entries {
                let _ = writeln!(out, "{} = \"{{{capture}}}\"", key(title));
            }
        }
    }
    for test in &rule.tests {
        let _ = writeln!(out, "\n[[rule.test]]\nmail = {}\naction = {}", text(&test.path), text(test.action.word()));
        if let Some(key) = &test.key {
            let _ = writeln!(out, "dedup_key = {}", text(key));
        }
        if let Some(severity) = test.severity {
            let _ = writeln!(out, "severity = {}", text(severity.word()));
        }
    }
}

fn write_criteria(out: &mut String, rule: &Rule) {
    let _ = writeln!(out, "\n[rule.when]");
    if rule.subject.is_empty() {
        // A mail without a subject is known by its body alone.
    } else if rule.subject_not.is_empty() {
        let _ = writeln!(out, "subject = {}", patterns(&rule.subject));
    } else {
        let _ = writeln!(out, "subject.any = {}", list_of(&rule.subject));
        let _ = writeln!(out, "subject.not = {}", list_of(&bare_of_names(&rule.subject_not)));
    }
    match &rule.source {
        Some(Source::Addresses(addresses)) => {
            let addresses: Vec<String> = addresses.iter().map(|address| text(address)).collect();
            let _ = writeln!(out, "from = {{ is = [{}] }}", addresses.join(", "));
        }
        Some(Source::Pattern(field, pattern)) => {
            let _ = writeln!(out, "{field} = '{pattern}'");
        }
        None => {}
    }
    let body = &rule.body;
    match (body.any.is_empty(), body.all.is_empty(), body.optional.is_empty() && body.not.is_empty()) {
        (true, true, true) => {}
        (false, true, true) => {
            let _ = writeln!(out, "body = {}", patterns(&body.any));
        }
        (true, false, true) if body.all.len() == 1 => {
            let _ = writeln!(out, "body = {}", patterns(&body.all));
        }
        _ => {
            let _ = writeln!(out, "\n[rule.when.body]");
            for (word, list) in
                [("any", &body.any), ("all", &body.all), ("not", &body.not), ("optional", &body.optional)]
            {
                if !list.is_empty() {
                    let _ = writeln!(out, "{word} = {}", list_of(list));
                }
            }
        }
    }
}

/// Patterns that capture nothing: what must not match gives no names.
fn bare_of_names(patterns: &[String]) -> Vec<String> {
    let bare = |pattern: &String| {
        let mut pieces = pattern.split("(?<");
        let mut out = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            out.push_str("(?:");
            out.push_str(piece.split_once('>').map_or(piece, |(_, rest)| rest));
        }
        out
    };
    patterns.iter().map(bare).collect()
}

fn patterns(patterns: &[String]) -> String {
    if let [pattern] = patterns { format!("'{pattern}'") } else { list_of(patterns) }
}

fn list_of(patterns: &[String]) -> String {
    if let [pattern] = patterns {
        return format!("['{pattern}']");
    }
    let lines: String = patterns.iter().map(|pattern| format!("    '{pattern}',\n")).collect();
    format!("[\n{lines}]")
}

fn map(words: &BTreeMap<&str, &str>) -> String {
    words.iter().map(|(word, meaning)| format!("{} = {}", key(word), text(meaning))).collect::<Vec<_>>().join(", ")
}

fn key(word: &str) -> String {
    let bare = !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if bare { word.to_owned() } else { text(word) }
}

/// A TOML basic string.
fn text(value: &str) -> String {
    let mut out = String::from("\"");
    for c in value.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
