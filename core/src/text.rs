//! Texts as they may be shown: without what draws on a terminal or forges lines, without logins in addresses, and
//! without the values of their queries, which hold tokens and signatures.

use std::{borrow::Cow, ops::Range};

/// The replacement for a secret.
const MASK: &str = "[secret]";

/// Query parameters of registries that say nothing secret.
const HARMLESS: [&str; 8] = ["n", "last", "mount", "from", "digest", "scope", "service", "artifactType"];

/// Returns true for a character that moves the cursor, ends a line, or turns the direction of a text.
pub fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{61c}' | '\u{200e}' | '\u{200f}')
        || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Returns a text of several lines: unsafe characters but tabs and line breaks become `\u{fffd}`, secrets of addresses
/// `[secret]`.
pub fn lines(text: &str) -> Cow<'_, str> {
    without_secrets(safe(text, &['\n', '\t']))
}

/// Returns a document for programs as it may go to a terminal: secrets stay.
pub fn printable(text: &str) -> Cow<'_, str> {
    safe(text, &['\n', '\t'])
}

/// Returns a message, which is one line.
pub fn message(text: &str) -> Cow<'_, str> {
    without_secrets(safe(text, &[]))
}

/// Returns a line of a file, character for character, so that columns stay true: secrets become stars. Secret are also
/// the values of keys such as `password`, in any format.
pub fn quoted(line: &str) -> String {
    let safe = safe(line, &['\t']);
    let mut shown = String::with_capacity(safe.len());
    let mut at = 0;
    for secret in ordered(logins(&safe).into_iter().chain(query_values(&safe)).chain(secret_values(&safe))) {
        shown.push_str(&safe[at..secret.start]);
        shown.extend(safe[secret.clone()].chars().map(|_| '*'));
        at = secret.end;
    }
    shown + &safe[at..]
}

/// Returns true if the name of a key implies that its value is secret.
pub(crate) fn is_secret_name(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["password", "passwd", "passphrase", "token", "secret"].iter().any(|name| key.ends_with(name))
}

/// Returns "1 more tag" or "2 more tags"; none for 0.
pub(crate) fn more(count: u64, thing: &str) -> Option<String> {
    match count {
        0 => None,
        1 => Some(format!("1 more {thing}")),
        count => Some(format!("{count} more {thing}s")),
    }
}

/// Returns true if an address in the text has a login in it.
pub fn has_login(text: &str) -> bool {
    !logins(text).is_empty()
}

fn safe<'t>(text: &'t str, kept: &[char]) -> Cow<'t, str> {
    let is_bad = |character: char| is_unsafe(character) && !kept.contains(&character);
    if !text.contains(is_bad) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|character| if is_bad(character) { '\u{fffd}' } else { character }).collect())
}

fn without_secrets(text: Cow<'_, str>) -> Cow<'_, str> {
    let found = ordered(logins(&text).into_iter().chain(query_values(&text)));
    if found.is_empty() {
        return text;
    }
    let mut shown = String::with_capacity(text.len());
    let mut at = 0;
    for secret in found {
        shown = shown + &text[at..secret.start] + MASK;
        at = secret.end;
    }
    Cow::Owned(shown + &text[at..])
}

/// Sorts ranges and joins those that overlap.
fn ordered(ranges: impl Iterator<Item = Range<usize>>) -> Vec<Range<usize>> {
    let mut ranges: Vec<_> = ranges.collect();
    ranges.sort_by_key(|range| range.start);
    ranges.dedup_by(|next, kept| {
        let overlaps = next.start < kept.end;
        if overlaps {
            kept.end = kept.end.max(next.end);
        }
        overlaps
    });
    ranges
}

/// Finds the values in the queries of addresses: `…?key=VALUE&key=VALUE`, also behind a `#`.
fn query_values(text: &str) -> Vec<Range<usize>> {
    // A backslash escapes the quote behind it in JSON.
    let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>' | ')' | '\\');
    let mut found = Vec::new();
    let mut taken = 0;
    for (at, mark) in text.match_indices(['?', '#']) {
        if at < taken {
            continue;
        }
        let start = at + mark.len();
        let end = text[start..].find(ends).map_or(text.len(), |length| start + length);
        let mut from = start;
        for pair in text[start..end].split(['&', ';']) {
            let (key, value) = pair.split_once('=').unwrap_or_default();
            let is_key = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.%[]~$:".contains(&b));
            if is_key && !value.is_empty() && value != MASK && !HARMLESS.contains(&key) {
                let value_start = from + key.len() + 1;
                found.push(value_start..value_start + value.len());
                taken = end;
            }
            from += pair.len() + 1;
        }
    }
    found
}

/// Finds the values of keys whose names say that they are secret, in YAML, JSON, TOML and files of variables: to the
/// closing quote, or to the end of the line. A variable may be written as its name and its value.
fn secret_values(line: &str) -> Vec<Range<usize>> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-' || c == '.';
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = line[at..].find(is_part).map(|start| at + start) {
        let end = line[start..].find(|c| !is_part(c)).map_or(line.len(), |length| start + length);
        at = end;
        if !is_secret_name(&line[start..end]) {
            continue;
        }
        let rest = line[end..].trim_start_matches(['"', '\'']).trim_start();
        let named = rest.strip_prefix(',').map(|rest| rest.trim_start().trim_start_matches(['"', '\'']));
        let rest = named.and_then(|rest| rest.strip_prefix("value")).unwrap_or(rest);
        let rest = rest.trim_start_matches(['"', '\'']).trim_start();
        let Some(value) = rest.strip_prefix([':', '=']).map(str::trim_start) else { continue };
        let value_start = line.len() - value.len();
        let length = match value.chars().next() {
            None | Some('{' | '[' | '$' | '*') => continue, // a table, a variable, or masked already
            Some('"' | '\'') if value[1..].starts_with('$') => continue,
            Some(quote @ ('"' | '\'')) => value[1..].find(quote).map_or(value.len(), |length| length + 2),
            Some(_) => value.len(),
        };
        found.push(value_start..value_start + length);
        at = value_start + length;
    }
    found
}

/// Finds the logins in a text: the part before the `@` of `name:password@host`, and what follows the scheme in
/// `https://token@host`. Digests follow an `@`, too.
fn logins(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for (at, _) in text.match_indices('@') {
        if !begins_host(&text[at + 1..]) {
            continue;
        }
        let line = text[..at].rfind('\n').map_or(0, |end| end + 1);
        let before = &text[line..at];
        // A value stands in quotes and may have anything in it; elsewhere it is a word.
        let opened = ['`', '"']
            .into_iter()
            .find_map(|quote| before.rfind(quote).filter(|_| before.matches(quote).count() % 2 == 1));
        let word = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>' | '(' | ')' | '=' | ',');
        let opened = opened.map(|at| at + 1);
        let scheme = || before.rfind("://").filter(|at| before[at + 3..].split('@').next().is_some_and(spaced_login));
        let word = || before.rmatch_indices(word).next().map(|(at, gap)| at + gap.len());
        let start = opened.or_else(scheme).or_else(word).unwrap_or(0);
        let candidate = &before[start..];
        let (start, login) = match candidate.find("://") {
            Some(scheme) => (start + scheme + 3, &candidate[scheme + 3..]),
            None => (start, candidate),
        };
        let is_token = login.len() < candidate.len() && !login.contains('/');
        let names = login.split_once(':').is_some_and(|(name, secret)| !name.is_empty() || !secret.is_empty());
        if (names || is_token) && !login.is_empty() && !login.chars().all(|c| c == '*') && login != MASK {
            let start = line + start;
            // An `@` in the password: the login reaches to the last one.
            match found.last_mut().filter(|last| start < last.end) {
                Some(last) => last.end = at,
                None => found.push(start..at),
            }
        }
    }
    found
}

/// Returns true for `name:password` with a space in it, which no address without a login has before an `@`.
fn spaced_login(text: &str) -> bool {
    text.split_once(':').is_some_and(|(name, password)| !name.contains(['/', ' ']) && password.contains(' '))
}

/// Returns true if a text begins as the name of a host does, and not as a digest.
fn begins_host(text: &str) -> bool {
    let algorithm = text.split_once(':').map_or("", |(algorithm, _)| algorithm);
    let digest =
        algorithm.strip_prefix("sha").is_some_and(|bits| !bits.is_empty() && bits.bytes().all(|b| b.is_ascii_digit()));
    !digest && text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[')
}

#[cfg(test)]
mod tests;
