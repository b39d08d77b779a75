//! `init`: a configuration that works as it is and explains itself.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use jiff::ToSpan as _;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::clock::Clock;

const CONFIG: &str = include_str!("init/nightcall.toml");
const RULES: &str = include_str!("init/rules.md");

/// How long a certificate of our own making holds. Who trusts it trusts exactly it, and nobody renews it for us.
const SELF_SIGNED_YEARS: i16 = 10;

/// Where the certificate is switched on in the starter configuration.
const TLS_OFF: &str = "# [smtp.tls]\n# certificate = \"cert.pem\"\n# key = \"key.pem\"\n";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder to write it to; made when missing
    dir: PathBuf,
    /// Make a certificate for that name which no authority has signed, and switch TLS on
    #[arg(long, value_name = "HOSTNAME", num_args = 0..=1, default_missing_value = "localhost")]
    self_signed: Option<String>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let config = args.dir.join("nightcall.toml");
    if config.exists() {
        bail!("{} exists already and was left as it is", config.display());
    }
    let rules = args.dir.join("rules");
    fs::create_dir_all(&rules).with_context(|| format!("cannot make {}", rules.display()))?;
    match &args.self_signed {
        None => write(&config, CONFIG)?,
        Some(hostname) => {
            self_signed(&args.dir, hostname)?;
            write(&config, &CONFIG.replace(TLS_OFF, &TLS_OFF.replace("# ", "")))?;
        }
    }
    write(&rules.join("README.md"), RULES)?;
    println!("wrote {}", config.display());
    println!("next: nightcall serve --config {}", config.display());
    Ok(())
}

/// Writes a certificate and its key, which only its owner may read.
fn self_signed(folder: &Path, hostname: &str) -> anyhow::Result<()> {
    let paths = [folder.join("cert.pem"), folder.join("key.pem")];
    if let Some(path) = paths.iter().find(|path| path.exists()) {
        bail!("{} exists already and was left as it is", path.display());
    }
    let today = Clock::System.now().to_zoned(TimeZone::UTC).date();
    let day = |date: Date| rcgen::date_time_ymd(date.year().into(), date.month().unsigned_abs(), 1);
    let mut params = rcgen::CertificateParams::new([hostname.to_owned()])
        .with_context(|| format!("{hostname:?} is no name for a certificate"))?;
    params.distinguished_name.push(rcgen::DnType::CommonName, hostname);
    params.not_before = day(today);
    params.not_after = day(today.checked_add(SELF_SIGNED_YEARS.years())?);
    let key = rcgen::KeyPair::generate().context("cannot make a key")?;
    let certificate = params.self_signed(&key).context("cannot make a certificate")?;
    let [certificate_path, key_path] = paths;
    write(&certificate_path, &certificate.pem())?;
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&key_path);
    let written = file.and_then(|mut file| file.write_all(key.serialize_pem().as_bytes()));
    written.with_context(|| format!("cannot write {}", key_path.display()))
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
