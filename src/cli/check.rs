//! `check`: is this configuration good?

use super::ConfigArg;

pub(crate) fn run(config: &ConfigArg) -> anyhow::Result<()> {
    let loaded = config.load()?;
    let (rulebook, roster) = (&loaded.definitions.rulebook, &loaded.definitions.roster);
    println!("{} is good", config.config.display());
    println!("domains: {}", rulebook.domains.join(", "));
    for service in &rulebook.services {
        let rules = service.rules.rules();
        let mut packs: Vec<&str> = rules.iter().filter_map(|rule| Some(rule.name.rsplit_once('/')?.0)).collect();
        packs.dedup();
        println!(
            "service {}: {} rules ({}), policy {}",
            service.name,
            rules.len(),
            packs.join(", "),
            service.handling.policy
        );
    }
    for user in roster.users.values() {
        let channels: Vec<&str> = user.methods.iter().map(|method| method.channel.word()).collect();
        println!("user {}: {}", user.name, channels.join(", "));
    }
    Ok(())
}
