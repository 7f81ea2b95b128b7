//! Rules about what is written for a plugin; all roles have them.

use sealift_core::plugin::{Field, Role, fields};

use super::{Given, Violation};

/// The value of each secret under test. It must not appear in any diagnostic or warning.
const SENTINEL: &str = "sentinel-7c1f";

const UNKNOWN: &str = "no_plugin_has_this_key";

/// `explain` and editors show a text for the plugin and for each of its fields: their doc comments.
pub(super) fn every_field_is_described(role: Role, given: &Given) -> Result<(), Violation> {
    let plugin = given.plugin(role)?;
    if plugin.summary().is_empty() {
        return Err("the config struct has no doc comment".to_owned());
    }
    let mut without = Vec::new();
    collect(&fields(&plugin.schema()), "", &mut |path, field| {
        if field.description.trim().is_empty() {
            without.push(format!("`{path}`"));
        }
    });
    if without.is_empty() { Ok(()) } else { Err(format!("there is no doc comment for {}", without.join(", "))) }
}

fn collect(fields: &[Field], above: &str, see: &mut dyn FnMut(&str, &Field)) {
    for field in fields {
        let path = format!("{above}{}", field.name);
        // The name of `*` is the user's.
        if field.name != "*" {
            see(&path, field);
        }
        collect(&field.inner, &format!("{path}."), see);
    }
}

/// A key that the plugin does not know is an error with its line, so that a typing mistake is not silently ignored.
pub(super) fn unknown_keys_are_refused(role: Role, given: &Given) -> Result<(), Violation> {
    let (text, line) = with_line(role, given, &format!("{UNKNOWN} = 1"))?;
    let Err(diagnostics) = given.load(&text) else {
        return Err(format!("the key `{UNKNOWN}` is accepted; is there a `#[serde(deny_unknown_fields)]`?"));
    };
    let about = diagnostics.iter().filter(|diagnostic| diagnostic.message.contains(UNKNOWN));
    let lines: Vec<_> = about.map(|diagnostic| diagnostic.location.as_ref().map(|place| place.line)).collect();
    match lines.contains(&Some(line)) {
        true => Ok(()),
        false => Err(format!("the key `{UNKNOWN}` in line {line} is not what the errors point to: {diagnostics:?}")),
    }
}

/// Passwords and tokens are `sealift_core::secret::SecretValue`s, and nothing that is said holds one.
pub(super) fn secrets_never_print(role: Role, given: &Given) -> Result<(), Violation> {
    let all = fields(&given.plugin(role)?.schema());
    let mut plain = Vec::new();
    collect(&all, "", &mut |path, field| {
        if !field.secret && sounds_secret(&field.name) && field.accepts.contains("text") {
            plain.push(format!("`{path}`"));
        }
    });
    if !plain.is_empty() {
        let all = plain.join(", ");
        return Err(format!("a plain text can be printed: make {all} a `sealift_core::secret::SecretValue`"));
    }
    for field in all.iter().filter(|field| field.secret) {
        let name = &field.name;
        for written in [
            format!("{name} = \"{SENTINEL}\""),
            format!("{name} = [\"{SENTINEL}\"]"),
            format!("{UNKNOWN} = 1\n{name} = \"{SENTINEL}\""),
        ] {
            let (text, _) = with_line(role, given, &written)?;
            let said = match given.load(&text) {
                Ok(parts) => parts.warnings,
                Err(diagnostics) => diagnostics,
            };
            if let Some(loud) = said.iter().find(|diagnostic| format!("{diagnostic:?}").contains(SENTINEL)) {
                return Err(format!("the secret of `{name}` is printed: {loud}"));
            }
        }
    }
    Ok(())
}

fn sounds_secret(name: &str) -> bool {
    let words = ["password", "passwd", "passphrase", "secret", "token", "api_key"];
    words.iter().any(|word| name == *word || name.ends_with(&format!("_{word}")))
}

/// The text with lines put first into the table of the stage, instead of those that set the same keys, and the number of
/// the first of them.
pub(super) fn with_line(role: Role, given: &Given, added: &str) -> Result<(String, usize), Violation> {
    let header = role.header();
    let lines: Vec<&str> = given.text().lines().collect();
    let at = lines.iter().position(|line| line.trim() == header);
    let at = at.ok_or_else(|| format!("write `{header}` in a line of its own"))?;
    let key = |line: &str| line.split_once('=').map(|(key, _)| key.trim().to_owned());
    let replaced: Vec<_> = added.lines().filter_map(key).collect();
    let others = lines[at + 1..].iter().filter(|line| key(line).is_none_or(|key| !replaced.contains(&key)));
    let text: Vec<&str> = lines[..=at].iter().copied().chain(added.lines()).chain(others.copied()).collect();
    Ok((text.join("\n") + "\n", at + 2))
}
