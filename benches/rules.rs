//! What rules cost as they become many: judging a mail against trying the rules one by one and against `RegexSet`,
//! and loading them. `cargo bench --bench rules`.
#![expect(clippy::print_stdout, reason = "a bench prints its table")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use nightcall::clock::Stopwatch;
use nightcall::definitions::problem::SourceFile;
use nightcall::definitions::{pack, rulebook_of};
use nightcall::domain::mail::{Envelope, Mail};
use nightcall::domain::rulebook::Rulebook;
use regex::{Regex, RegexSet};

/// A realistic mix: rules of one host, one check, one sender, one site; with words in any case and alternatives.
fn rule(n: usize) -> (String, String) {
    let (field, pattern) = match n % 8 {
        0 => (
            "subject",
            format!(r"^\*\* (?<type>PROBLEM|RECOVERY) Service Alert: web-{n:06}/(?<what>.+) is (?<state>[A-Z]+) \*\*$"),
        ),
        1 => ("subject", format!(r"^\[(?<state>CRITICAL|WARNING|OK)\] app{n}\.(?<domain>\S+): (?<what>.+)$")),
        2 => ("subject", format!(r"^Backup job job-{n} (?<state>failed|succeeded)(?: after (?<what>\S+))?$")),
        3 => ("from", format!(r"^sensor{n}@plant\.example\.net$")),
        4 => ("body", format!(r"(?m)^Device:\s*pdu-{n}$")),
        5 => ("header.X-Site", format!(r"^site-{n}$")),
        6 => ("subject", format!(r"(?i)^(?<state>down|up): host{n} \((?<what>[^)]*)\)$")),
        _ => ("subject", format!(r"^Disk vol{n} on (?<host>[\w.-]+) is (?<state>full|fine)\b")),
    };
    let toml = format!(
        "[[rule]]\nname = 'r{n}'\naction = 'trigger'\ndedup_key = 'thing/{n}'\n[rule.when]\n{field} = '{pattern}'\n\n"
    );
    (toml, pattern)
}

/// A mail of about 2 KB that the rule with this number matches.
fn mail(n: usize) -> Mail {
    let mut head =
        "From: mon@ops.example.net\r\nX-Mailer: bench\r\nDate: Sat, 21 Nov 2026 03:00:00 +0000\r\n".to_owned();
    let subject = match n % 8 {
        0 => format!("** PROBLEM Service Alert: web-{n:06}/disk /var is CRITICAL **"),
        1 => format!("[CRITICAL] app{n}.shop.example.net: too slow"),
        2 => format!("Backup job job-{n} failed after 3h"),
        3 => {
            head = head.replace("mon@ops.example.net", &format!("sensor{n}@plant.example.net"));
            "humidity".to_owned()
        }
        5 => {
            head.push_str(&format!("X-Site: site-{n}\r\n"));
            "the gate is open".to_owned()
        }
        6 => format!("DOWN: host{n} (no answer)"),
        7 => format!("Disk vol{n} on nas.example.net is full"),
        _ => "power event".to_owned(),
    };
    let line = "Additional info: the probe of the last interval took longer than it may take, see the graph\r\n";
    let body = format!("Device: pdu-{n}\r\n{}", line.repeat(18));
    Mail::parse(format!("{head}Subject: {subject}\r\n\r\n{body}").as_bytes())
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e6
}

/// Microseconds a mail, the median over mails that different rules match.
fn time(mails: &[Mail], rounds: usize, mut judge: impl FnMut(&Mail)) -> f64 {
    mails.iter().for_each(&mut judge);
    let mut times = Vec::new();
    for _ in 0..rounds {
        for mail in mails {
            let watch = Stopwatch::start();
            judge(mail);
            times.push(watch.elapsed());
        }
    }
    median(times)
}

fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

/// Rules as a pack that the program reads, and their patterns.
fn book(count: usize) -> (Rulebook, Vec<String>) {
    let (text, patterns): (String, Vec<String>) = (0..count).map(rule).unzip();
    let source = SourceFile { name: "bench.toml".to_owned(), path: None, text };
    let (file, problems) = pack::read("bench", &Arc::new(source));
    assert!(problems.is_empty(), "{problems:?}");
    (rulebook_of(std::iter::once(&file), "x"), patterns)
}

fn main() {
    // First, before anything else has left memory behind that could be used again.
    println!("{:>8} {:>9} {:>9}", "rules", "load ms", "MiB");
    for count in COUNTS {
        let (before, watch) = (resident_mib(), Stopwatch::start());
        let (book, _) = book(count);
        let (load, memory) = (watch.elapsed(), resident_mib() - before);
        println!("{count:>8} {:>9.0} {memory:>9.0}", load.as_secs_f64() * 1e3);
        drop(book);
    }
    println!("\n{:>8} {:>10} {:>12} {:>12} {:>9}", "rules", "judge µs", "one by one", "RegexSet", "× faster");
    let mut judged = Vec::new();
    for count in COUNTS {
        let (book, patterns) = book(count);
        let service = &book.services[0];
        let envelope = Envelope::new("a@b", "x@x", "192.0.2.1");
        let mails: Vec<Mail> = (0..count).step_by((count / 40).max(1)).map(mail).collect();
        let ours = time(&mails, 20, |mail| {
            let verdict = service.judge(mail, &envelope);
            assert!(verdict.alerts[0].rule.starts_with("bench/"), "{verdict:?}");
            black_box(verdict);
        });
        judged.push((count, ours));
        let (one_by_one, set) = peers(count, &patterns, &mails);
        let shown = |time: Option<f64>| time.map_or_else(|| "-".to_owned(), |time| format!("{time:.1}"));
        let faster = one_by_one.map_or_else(|| "-".to_owned(), |time| format!("{:.0}", time / ours));
        println!("{count:>8} {ours:>10.1} {:>12} {:>12} {faster:>9}", shown(one_by_one), shown(set));
    }
    let of = |wanted: usize| judged.iter().find(|(count, _)| *count == wanted).map_or(f64::NAN, |(_, time)| *time);
    println!("cost(100,000) / cost(1,000) = {:.2}", of(100_000) / of(1_000));
}

const COUNTS: [usize; 5] = [10, 100, 1_000, 10_000, 100_000];

/// The same patterns tried one after the other until one matches, and all at once by `RegexSet`; where compiling
/// them all fits into memory.
fn peers(count: usize, patterns: &[String], mails: &[Mail]) -> (Option<f64>, Option<f64>) {
    if count > 10_000 {
        return (None, None);
    }
    let regexes: Vec<Regex> = patterns.iter().map(|pattern| Regex::new(pattern).expect("a pattern")).collect();
    let fields = |mail: &Mail| -> [String; 4] {
        let site = mail.header("X-Site").next().unwrap_or_default().to_owned();
        [mail.subject.clone(), mail.from.clone(), site, mail.text.clone()]
    };
    let rounds = if count > 1_000 { 1 } else { 5 };
    let one_by_one = time(mails, rounds, |mail| {
        let fields = fields(mail);
        let field = |n: usize| match n % 8 {
            3 => &fields[1],
            4 => &fields[3],
            5 => &fields[2],
            _ => &fields[0],
        };
        black_box(regexes.iter().enumerate().position(|(n, regex)| regex.is_match(field(n))));
    });
    // One set for each field, as each pattern looks at one.
    let of = |kinds: &[usize]| {
        let patterns =
            patterns.iter().enumerate().filter(|(n, _)| kinds.contains(&(n % 8))).map(|(_, pattern)| pattern);
        regex::RegexSetBuilder::new(patterns).size_limit(1 << 30).build()
    };
    let sets: Option<Vec<RegexSet>> =
        [of(&[0, 1, 2, 6, 7]), of(&[3]), of(&[5]), of(&[4])].into_iter().map(Result::ok).collect();
    let set = sets.map(|sets| {
        time(mails, rounds, |mail| {
            for (set, field) in sets.iter().zip(&fields(mail)) {
                black_box(set.matches(field));
            }
        })
    });
    (Some(one_by_one), set)
}
