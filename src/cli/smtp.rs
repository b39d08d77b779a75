//! `smtp password`: the line that lets a device log in.

use std::io::{IsTerminal as _, Read as _};

use anyhow::{Context as _, bail};

use crate::smtp::users;

/// Longest password that is read, in bytes.
const PASSWORD_BYTES_MAX: u64 = 4096;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Read a password and print its line for [smtp.users]; only the hash is in it
    Password {
        /// The name the device gives
        name: String,
    },
}

pub(crate) fn run(command: &Command) -> anyhow::Result<()> {
    let Command::Password { name } = command;
    if name.is_empty() || name.contains(char::is_control) {
        bail!("{name:?} is no name");
    }
    let password = password()?;
    if password.is_empty() {
        bail!("the password is empty");
    }
    let hash = users::hash(password.as_bytes()).map_err(|error| anyhow::anyhow!("cannot hash it: {error}"))?;
    println!("{} = {hash:?}", toml_edit::Key::new(name.as_str()).display_repr());
    Ok(())
}

/// From the terminal without showing it, twice; or the first line of what is piped in.
fn password() -> anyhow::Result<String> {
    if std::io::stdin().is_terminal() {
        let first = rpassword::prompt_password("Password: ").context("cannot read it")?;
        let second = rpassword::prompt_password("Again: ").context("cannot read it")?;
        if first != second {
            bail!("these are two passwords");
        }
        return Ok(first);
    }
    let mut text = String::new();
    std::io::stdin().take(PASSWORD_BYTES_MAX).read_to_string(&mut text).context("cannot read it")?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}
