//! `check`: is this configuration good?

use super::ConfigArg;

pub(crate) fn run(config: &ConfigArg) -> anyhow::Result<()> {
    let loaded = config.load()?;
    let (rulebook, roster) = (&loaded.definitions.rulebook, &loaded.definitions.roster);
    println!("{} is good", config.config.display());
    println!("domains: {}", rulebook.domains.join(", "));
    for service in &rulebook.services {
        let packs: Vec<&str> = service.packs.iter().map(|pack| pack.name.as_str()).collect();
        let rules: usize = service.packs.iter().map(|pack| pack.rules.len()).sum();
        println!("service {}: {rules} rules ({}), policy {}", service.name, packs.join(", "), service.policy);
    }
    for user in roster.users.values() {
        let channels: Vec<&str> = user.methods.iter().map(|method| method.channel.word()).collect();
        println!("user {}: {}", user.name, channels.join(", "));
    }
    Ok(())
}
