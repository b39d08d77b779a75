//! `init`: a configuration that works as it is and explains itself.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

const CONFIG: &str = include_str!("init/nightcall.toml");
const RULES: &str = include_str!("init/rules.md");

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder to write it to; made when missing
    dir: PathBuf,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let config = args.dir.join("nightcall.toml");
    if config.exists() {
        bail!("{} exists already and was left as it is", config.display());
    }
    let rules = args.dir.join("rules");
    fs::create_dir_all(&rules).with_context(|| format!("cannot make {}", rules.display()))?;
    write(&config, CONFIG)?;
    write(&rules.join("README.md"), RULES)?;
    println!("wrote {}", config.display());
    println!("next: nightcall serve --config {}", config.display());
    Ok(())
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
