//! Texts as they may be shown: without what draws on a terminal or forges lines, and without logins in addresses.

use std::{borrow::Cow, ops::Range};

/// The replacement for a login.
const MASK: &str = "[secret]";

/// Returns true for a character that moves the cursor, ends a line, or turns the direction of a text.
pub fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{61c}' | '\u{200e}' | '\u{200f}')
        || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Returns a text of several lines: unsafe characters but tabs and line breaks become `\u{fffd}`, logins `[secret]`.
pub fn lines(text: &str) -> Cow<'_, str> {
    without_logins(safe(text, &['\n', '\t']))
}

/// Returns a document for programs as it may go to a terminal: logins stay.
pub fn printable(text: &str) -> Cow<'_, str> {
    safe(text, &['\n', '\t'])
}

/// Returns a message, which is one line.
pub fn message(text: &str) -> Cow<'_, str> {
    without_logins(safe(text, &[]))
}

/// Returns a line of a file, character for character, so that columns stay true: logins become stars.
pub fn quoted(line: &str) -> String {
    let safe = safe(line, &['\t']);
    let mut shown = String::with_capacity(safe.len());
    let mut at = 0;
    for login in logins(&safe) {
        shown.push_str(&safe[at..login.start]);
        shown.extend(safe[login.clone()].chars().map(|_| '*'));
        at = login.end;
    }
    shown + &safe[at..]
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

fn without_logins(text: Cow<'_, str>) -> Cow<'_, str> {
    let found = logins(&text);
    if found.is_empty() {
        return text;
    }
    let mut shown = String::with_capacity(text.len());
    let mut at = 0;
    for login in found {
        shown = shown + &text[at..login.start] + MASK;
        at = login.end;
    }
    Cow::Owned(shown + &text[at..])
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
        // A value stands in backticks and may have anything in it; elsewhere it is a word.
        let opened = before.rfind('`').filter(|_| before.matches('`').count() % 2 == 1);
        let word = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>' | '(' | ')' | '=' | ',');
        let opened = opened.map(|at| at + 1);
        let start = opened.or_else(|| before.rmatch_indices(word).next().map(|(at, gap)| at + gap.len())).unwrap_or(0);
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

/// Returns true if a text begins as the name of a host does, and not as a digest.
fn begins_host(text: &str) -> bool {
    let algorithm = text.split_once(':').map_or("", |(algorithm, _)| algorithm);
    let digest =
        algorithm.strip_prefix("sha").is_some_and(|bits| !bits.is_empty() && bits.bytes().all(|b| b.is_ascii_digit()));
    !digest && text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[')
}

#[cfg(test)]
mod tests;
