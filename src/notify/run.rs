//! Runs a local program: in a process group of its own, bounded in time and output, without our environment, where
//! secrets may stand.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};

use super::exec::{Command, End, judge};
use crate::domain::notification::Outcome;

/// How long a program may take.
const RUN_TIMEOUT: Duration = Duration::from_secs(10);

/// How long its output is waited for once it has ended: what it left running may hold on to it.
const OUTPUT_TIMEOUT: Duration = Duration::from_millis(500);

/// Most output that is kept of each kind, in bytes.
const OUTPUT_BYTES_MAX: usize = 64 * 1024;

/// Where programs find others.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Runs a program and judges its end.
pub async fn run(command: &Command) -> Outcome {
    let (end, output, errors) = run_within(command, RUN_TIMEOUT).await;
    judge(end, &output, &errors)
}

async fn run_within(command: &Command, time: Duration) -> (End, String, String) {
    let mut starting = tokio::process::Command::new(&command.program);
    starting.args(&command.arguments).env_clear().env("PATH", PATH).current_dir("/").process_group(0);
    starting.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = match starting.spawn() {
        Ok(child) => child,
        Err(error) => {
            tracing::warn!(%error, program = %command.program.display(), "a program could not be started");
            return (End::NotStarted, String::new(), String::new());
        }
    };
    let group = Group(child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)));
    if let Some(mut stdin) = child.stdin.take() {
        let input = command.input.clone();
        // A program need not read what it is given.
        tokio::spawn(async move { _ = stdin.write_all(input.as_bytes()).await });
    }
    let (output, errors) = (tokio::spawn(read(child.stdout.take())), tokio::spawn(read(child.stderr.take())));
    let Ok(ended) = tokio::time::timeout(time, child.wait()).await else {
        drop(group);
        return (End::TimedOut, String::new(), String::new());
    };
    group.leave();
    let text = async |reading| match tokio::time::timeout(OUTPUT_TIMEOUT, reading).await {
        Ok(Ok(text)) => text,
        _ => String::new(),
    };
    (ended.map_or(End::Killed, end), text(output).await, text(errors).await)
}

fn end(status: ExitStatus) -> End {
    status.code().map_or(End::Killed, End::Exited)
}

/// Reads to the end, so that the program never waits for us, and keeps the beginning.
async fn read(from: Option<impl AsyncRead + Unpin>) -> String {
    let (mut kept, mut piece) = (Vec::new(), [0; 4096]);
    let Some(mut from) = from else { return String::new() };
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        let room = OUTPUT_BYTES_MAX - kept.len();
        kept.extend_from_slice(&piece[..length.min(room)]);
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// The program and what it has started. Killed when nobody waits any more.
struct Group(Option<Pid>);

impl Group {
    /// The program has ended by itself; what it left running may go on.
    fn leave(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // It may have ended meanwhile.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let arguments = vec!["-c".to_owned(), script.to_owned()];
        Command { program: "/bin/sh".into(), arguments, input: "{\"id\":\"m1\"}\n".to_owned() }
    }

    #[tokio::test]
    async fn a_program_reads_and_answers() {
        assert_eq!(run(&shell("cat")).await, Outcome::Accepted("{\"id\":\"m1\"}".to_owned()));
        let failed = Outcome::Failed("the program ended with code 78: no line".to_owned());
        assert_eq!(run(&shell("echo no line >&2; exit 78")).await, failed);
        let endless = shell("yes | head -c 1000000; exit 75");
        assert_eq!(run(&endless).await, Outcome::Retry("the program asks to try later".to_owned()));
        assert_eq!(run(&shell("kill -9 $$")).await, Outcome::Retry("the program was killed".to_owned()));
        let gone = Command { program: "/nonexistent/siren".into(), ..shell("") };
        assert_eq!(run(&gone).await, Outcome::Retry("the program could not be started".to_owned()));
    }

    #[tokio::test]
    async fn it_sees_nothing_of_our_environment() {
        assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
        assert_eq!(run(&shell("echo \"<$CARGO_MANIFEST_DIR>\"")).await, Outcome::Accepted("<>".to_owned()));
    }

    #[tokio::test]
    async fn one_that_hangs_is_killed_with_all_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("id");
        let script = format!("sleep 1000 & echo $! > {}; wait", file.display());
        let (end, ..) = run_within(&shell(&script), Duration::from_millis(500)).await;
        assert_eq!(end, End::TimedOut);
        let started: i32 = std::fs::read_to_string(file).unwrap().trim().parse().unwrap();
        for _ in 0..100 {
            let status = std::fs::read_to_string(format!("/proc/{started}/stat")).unwrap_or_default();
            if status.is_empty() || status.contains(") Z ") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("what the program started runs on");
    }
}
