//! `rules suggest`: write a first rule, with its tests, from sample mails.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};

use super::read_mail;
use crate::cli::told;
use crate::definitions::pack;
use crate::definitions::problem::{Problems, SourceFile};
use crate::definitions::suggest::{SampleMail, suggest};
use crate::domain::alert::Action;
use crate::domain::mail::Mail;
use crate::domain::recogniser::recognise;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Sample mails: a problem, best with its recovery and one of another object
    #[arg(required = true)]
    mails: Vec<PathBuf>,
    /// Those of the mails that say it is over, where that cannot be guessed
    #[arg(long, value_name = "MAIL")]
    resolve: Vec<PathBuf>,
    /// Those of the mails that say something is wrong, where that cannot be guessed
    #[arg(long, value_name = "MAIL")]
    trigger: Vec<PathBuf>,
    /// Write it to this file of the rules folder [default: print it]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// What to call the pack [default: the name of the file, or "suggested"]
    #[arg(long)]
    name: Option<String>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let file_name = args.out.as_deref().and_then(Path::file_stem).map(|name| name.to_string_lossy().into_owned());
    let name = args.name.clone().or(file_name).unwrap_or_else(|| "suggested".to_owned());
    let folder = args.out.as_deref().and_then(Path::parent).unwrap_or(Path::new("."));
    if let Some(out) = args.out.as_deref().filter(|out| out.exists()) {
        bail!("{} is there already; choose another file", out.display());
    }
    let told_action = |path: &PathBuf| match (args.trigger.contains(path), args.resolve.contains(path)) {
        (true, false) => Some(Action::Trigger),
        (false, true) => Some(Action::Resolve),
        _ => None,
    };
    let mut paths: Vec<&PathBuf> = args.mails.iter().chain(&args.trigger).chain(&args.resolve).collect();
    let mut seen = std::collections::BTreeSet::new();
    paths.retain(|path| seen.insert(*path));
    let mails: Vec<(String, Mail, Option<Action>)> = paths
        .into_iter()
        .map(|path| Ok((shown_from(folder, path)?, Mail::parse(&read_mail(path)?), told_action(path))))
        .collect::<anyhow::Result<_>>()?;
    let samples: Vec<SampleMail<'_>> =
        mails.iter().map(|(path, mail, action)| SampleMail { path, mail, action: *action }).collect();
    let guess = |mail: &Mail| recognise(mail).map(|reading| reading.action);
    let suggestion = suggest(&name, &samples, &guess).map_err(|why| anyhow::anyhow!(why))?;
    let notes: String = suggestion.notes.iter().map(|note| format!("# Look at this: {note}\n")).collect();
    let toml = notes + &suggestion.toml;
    check(&name, folder, &toml)?;
    match &args.out {
        None => print!("{toml}"),
        Some(out) => {
            std::fs::write(out, &toml).with_context(|| format!("cannot write {}", out.display()))?;
            println!("wrote {}; its tests pass: nightcall rules test {}", out.display(), out.display());
        }
    }
    Ok(())
}

/// A suggestion is a pack like any other: it must be one, and pass its own tests.
fn check(name: &str, folder: &Path, toml: &str) -> anyhow::Result<()> {
    let path = Some(folder.join(format!("{name}.toml")));
    let source = SourceFile { name: format!("{name}.toml"), path, text: toml.to_owned() };
    let (file, problems) = pack::read(name, &Arc::new(source));
    if !problems.is_empty() {
        return Err(told(&Problems(problems)).context("no good rule was found for these mails"));
    }
    for test in &file.tests {
        test.run(&file).map_err(|why| anyhow::anyhow!("no good rule was found for these mails: {why}"))?;
    }
    Ok(())
}

/// A path as it reads from a folder: tests name their mails relative to the pack.
fn shown_from(folder: &Path, path: &Path) -> anyhow::Result<String> {
    let whole = |path: &Path| {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        path.canonicalize().with_context(|| format!("there is no {}", path.display()))
    };
    let (folder, path) = (whole(folder)?, whole(path)?);
    let shared = folder.components().zip(path.components()).take_while(|(a, b)| a == b).count();
    let up = folder.components().skip(shared).map(|_| Component::ParentDir);
    let relative: PathBuf = up.chain(path.components().skip(shared)).collect();
    Ok(relative.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_read_from_the_pack() {
        let root = tempfile::tempdir().expect("a folder");
        for folder in ["rules", "mails/ups"] {
            std::fs::create_dir_all(root.path().join(folder)).expect("made");
        }
        let mail = root.path().join("mails/ups/a.eml");
        std::fs::write(&mail, "x").expect("written");
        assert_eq!(shown_from(&root.path().join("rules"), &mail).expect("both exist"), "../mails/ups/a.eml");
        assert_eq!(shown_from(&root.path().join("mails"), &mail).expect("both exist"), "ups/a.eml");
        assert!(shown_from(root.path(), Path::new("/nowhere.eml")).is_err());
    }
}
