//! `[templates]`: texts in place of ours, by where they stand and for which kind of message.

use std::collections::BTreeMap;

use toml_span::value::ValueInner;

use crate::definitions::Table;
use crate::notify::templates::Templates;

/// Reads the section; a name may be written as `"mail.subject"` or as a table `[templates.mail]`.
pub(super) fn read(mut table: Table<'_>, prefix: &str) -> BTreeMap<String, String> {
    let mut sources = BTreeMap::new();
    for (name, value) in table.named_values() {
        let whole = if prefix.is_empty() { name.value.clone() } else { format!("{prefix}.{}", name.value) };
        if matches!(value.as_ref(), ValueInner::Table(_)) {
            sources.extend(table.as_table(value, &name.value).map(|table| read(table, &whole)).unwrap_or_default());
            continue;
        }
        let Some(source) = table.as_string(value, &name.value) else { continue };
        match Templates::new([(whole.clone(), source.value.clone())]) {
            Ok(_) => _ = sources.insert(whole, source.value),
            Err(problems) => {
                let why = problems.into_iter().map(|(_, why)| why).collect::<Vec<_>>().join("; ");
                table.reader().note(source.span, format!("template {whole}: {why}"));
            }
        }
    }
    sources
}
