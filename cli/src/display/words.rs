//! Formats numbers, bytes and times, and removes control characters.

use std::{borrow::Cow, fmt, time::Duration};

use bytesize::ByteSize;
pub(crate) use sealift_core::error::io_message;
use sealift_core::text;

/// Bytes for people: `12.3 MiB`.
pub(crate) fn bytes(count: u64) -> String {
    ByteSize::b(count).display().iec().to_string()
}

/// A count with its word: `1 image`, `12,345 images`.
pub(crate) fn number(count: u64, word: &str) -> String {
    let plural = match (count, word) {
        (1, _) => word.to_owned(),
        (_, "index") => "indexes".to_owned(),
        (_, word) if word.ends_with('y') => format!("{}ies", &word[..word.len() - 1]),
        _ => format!("{word}s"),
    };
    format!("{} {plural}", grouped(count))
}

/// A count with commas between the thousands.
pub(super) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A time in a sentence: `0.8 s`, `34 s`, `2 min 5 s`, `1 h 3 min`.
pub(super) fn time(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", time.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// A time that ticks: `0:34`, `1:02:03`.
pub(super) fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds / 3600 {
        0 => format!("{}:{:02}", seconds / 60, seconds % 60),
        hours => format!("{hours}:{:02}:{:02}", seconds / 60 % 60, seconds % 60),
    }
}

/// Colours, each with what it stands for.
#[derive(Clone, Copy)]
pub(super) enum Paint {
    /// It went well.
    Good,
    /// It failed.
    Bad,
    /// It needs a look.
    Odd,
    /// It may be overlooked.
    Dim,
    /// It leads.
    Strong,
}

/// A text in a colour, if there are colours.
pub(super) fn paint(text: impl fmt::Display, paint: Paint, colour: bool) -> String {
    if !colour {
        return text.to_string();
    }
    let code = match paint {
        Paint::Good => "32",
        Paint::Bad => "1;31",
        Paint::Odd => "33",
        Paint::Dim => "2",
        Paint::Strong => "1",
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}

/// The text without what draws on a terminal, and without logins: registries say what they like, and terminals obey.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    text::lines(text)
}

/// JSON with unsafe characters escaped in its strings, which serde leaves as they are but for the first thirty-two, and
/// without logins in addresses.
pub(crate) fn clean_json(json: String) -> String {
    let is_bad = |letter: char| is_control(letter);
    if !json.contains(is_bad) {
        return clean(&json).into_owned();
    }
    // All of them are in the first plane, so that one escape is enough.
    let escaped = |letter: char| match is_bad(letter) {
        true => format!("\\u{:04x}", u32::from(letter)),
        false => letter.to_string(),
    };
    clean(&json.chars().map(escaped).collect::<String>()).into_owned()
}

/// As [`clean`], but colours of this program pass. Nothing else that starts with an escape does.
pub(super) fn clean_but_colour(text: &str) -> Cow<'_, str> {
    if !text.contains('\x1b') {
        return clean(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(is_control) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let taken = colour_at_start(rest).unwrap_or(0);
        if taken > 0 {
            out.push_str(&rest[..taken]);
            rest = &rest[taken..];
        } else {
            out.push('\u{fffd}');
            rest = &rest[rest.chars().next().map_or(0, char::len_utf8)..];
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The length of a colour sequence (`ESC [ digits ; digits m`) at the start.
fn colour_at_start(text: &str) -> Option<usize> {
    let body = text.strip_prefix("\x1b[")?;
    let end = body.find('m')?;
    body[..end].bytes().all(|byte| byte.is_ascii_digit() || byte == b';').then_some(end + 3)
}

fn is_control(letter: char) -> bool {
    text::is_unsafe(letter) && letter != '\n' && letter != '\t'
}

/// As much of a text as fits, its end rather than its start: the end of an image's name tells it apart.
pub(super) fn tail(text: &str, width: usize) -> Cow<'_, str> {
    let length = text.chars().count();
    if length <= width {
        return Cow::Borrowed(text);
    }
    if width == 0 {
        return Cow::Borrowed("");
    }
    Cow::Owned(std::iter::once('…').chain(text.chars().skip(length - (width - 1))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_carry_their_word() {
        assert_eq!(number(1, "image"), "1 image");
        assert_eq!(number(0, "image"), "0 images");
        assert_eq!(number(1_234_567, "index"), "1,234,567 indexes");
        assert_eq!(number(123_456, "registry"), "123,456 registries");
    }

    #[test]
    fn times_read_well_at_every_length() {
        let at = |ms| time(Duration::from_millis(ms));
        assert_eq!([at(840), at(34_900), at(125_000), at(3_780_000)], ["0.8 s", "34 s", "2 min 5 s", "1 h 3 min"]);
        assert_eq!(clock(Duration::from_secs(34)), "0:34");
        assert_eq!(clock(Duration::from_secs(3723)), "1:02:03");
    }

    #[test]
    fn nothing_that_a_registry_says_moves_the_cursor() {
        assert_eq!(clean("a\x1b[2Jb\rc\nd"), "a\u{fffd}[2Jb\u{fffd}c\nd");
        assert_eq!(clean_but_colour("\x1b[1;31mred\x1b[0m \x1b[2J"), "\x1b[1;31mred\x1b[0m \u{fffd}[2J");
    }

    #[test]
    fn long_names_keep_their_end() {
        assert_eq!(tail("quay.io/coreos/etcd:v3.5.0", 12), "…etcd:v3.5.0");
        assert_eq!(tail("etcd:v3", 12), "etcd:v3");
        assert_eq!(tail("etcd:v3", 0), "");
    }

    #[test]
    fn the_system_speaks_as_we_do() {
        assert_eq!(io_message(&std::io::Error::from_raw_os_error(2)), "no such file or directory");
    }
}
