//! Parses the command line, runs it, and turns its end into an exit code.

use std::process::ExitCode;

use clap::Parser as _;
use nightcall::cli::Cli;
use tracing_subscriber::EnvFilter;

/// Most of what reading a mail costs beside its regexes is taking and giving back small pieces of memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Says what to log, in the manner of `RUST_LOG`.
const LOG: &str = "NIGHTCALL_LOG";

fn main() -> ExitCode {
    let cli = Cli::parse();
    if cli.prints_and_ends() {
        end_when_nobody_reads();
    }
    let filter = std::env::var(LOG).ok().and_then(|text| EnvFilter::try_new(text).ok());
    // The database library tells every slow statement; people who want to know ask for it.
    let default = || EnvFilter::new(format!("{},sqlx=warn", cli.log_level()));
    // Nobody may be reading; then lines are dropped, and the gateway goes on.
    // Lines that come together are written together.
    let (log, _flushed_at_the_end) = tracing_appender::non_blocking(std::io::BufWriter::new(std::io::stderr()));
    tracing_subscriber::fmt()
        .with_writer(log)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_target(false)
        .with_env_filter(filter.unwrap_or_else(default))
        .init();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&anyhow::Error::new(error).context("cannot start the runtime"), ExitCode::FAILURE),
    };
    let failure_code = cli.failure_code();
    let ended = runtime.block_on(cli.run());
    // Nothing that still runs in the background may hold the end of the process.
    runtime.shutdown_background();
    match ended {
        Ok(code) => code,
        Err(error) => failed(&error, failure_code),
    }
}

/// `nightcall … | head` is no mistake: whoever read has read enough.
fn end_when_nobody_reads() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let told = panic.payload().downcast_ref::<String>();
        if told.is_some_and(|text| text.starts_with("failed printing to stdout")) {
            std::process::exit(0);
        }
        usual(panic);
    }));
}

#[expect(clippy::print_stderr, reason = "the last word of a failed command belongs to its caller's terminal")]
fn failed(error: &anyhow::Error, code: ExitCode) -> ExitCode {
    eprintln!("nightcall: {error:#}");
    code
}
