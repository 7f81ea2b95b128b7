//! Sets of ASCII characters.

use std::fmt::Write;

use regex::Regex;

/// A set of ASCII characters, one bit each. What is not ASCII is in no set, because it is in no tag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Class(u128);

impl Class {
    pub(super) const ANY: Self = Self(u128::MAX);

    /// The characters from `low` to `high`.
    pub(super) fn range(low: char, high: char) -> Self {
        Self(
            (0..128)
                .filter(|code| (u32::from(low)..=u32::from(high)).contains(code))
                .fold(0, |set, code| set | 1 << code),
        )
    }

    /// The characters that `is` holds for.
    fn of(is: impl Fn(u8) -> bool) -> Self {
        Self((0..128).filter(|code| is(*code)).fold(0, |set, code| set | 1 << code))
    }

    pub(super) fn contains(self, code: u8) -> bool {
        self.0 & 1 << code != 0
    }

    #[must_use]
    pub(super) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    #[must_use]
    pub(super) fn negated_if(self, negated: bool) -> Self {
        if negated { Self(!self.0) } else { self }
    }

    /// Adds the other case of each letter.
    #[must_use]
    pub(super) fn folded(self) -> Self {
        let other = |code: u8| if code.is_ascii_alphabetic() { code ^ 0x20 } else { code };
        self.or(Self::of(|code| self.contains(other(code))))
    }

    /// `\d`, `\s`, `\w` by their letter in lower case.
    pub(super) fn perl(letter: char) -> Option<Self> {
        match letter {
            'd' => Some(Self::of(|code| code.is_ascii_digit())),
            's' => Some(Self::of(|code| b"\t\n\x0c\r ".contains(&code))),
            'w' => Some(Self::of(|code| code.is_ascii_alphanumeric() || code == b'_')),
            _ => None,
        }
    }

    /// `[:alpha:]` and its siblings by their names.
    pub(super) fn posix(name: &str) -> Option<Self> {
        Some(Self::of(match name {
            "alnum" => |code: u8| code.is_ascii_alphanumeric(),
            "alpha" => |code: u8| code.is_ascii_alphabetic(),
            "ascii" => |_| true,
            "blank" => |code: u8| code == b' ' || code == b'\t',
            "cntrl" => |code: u8| code.is_ascii_control(),
            "digit" => |code: u8| code.is_ascii_digit(),
            "graph" => |code: u8| code.is_ascii_graphic(),
            "lower" => |code: u8| code.is_ascii_lowercase(),
            "print" => |code: u8| code.is_ascii_graphic() || code == b' ',
            "punct" => |code: u8| code.is_ascii_punctuation(),
            "space" => |code: u8| b"\t\n\x0b\x0c\r ".contains(&code),
            "upper" => |code: u8| code.is_ascii_uppercase(),
            "word" => |code: u8| code.is_ascii_alphanumeric() || code == b'_',
            "xdigit" => |code: u8| code.is_ascii_hexdigit(),
            _ => return None,
        }))
    }

    /// Returns the ASCII characters of a Unicode category or script.
    pub(super) fn unicode(name: &str) -> Option<Self> {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(is_word) {
            return None;
        }
        let found = Regex::new(&format!(r"\p{{{name}}}")).ok()?;
        Some(Self::of(|code| found.is_match(char::from(code).encode_utf8(&mut [0; 4]))))
    }

    /// Writes it for the `regex` crate.
    pub(super) fn write(self, out: &mut String) {
        out.push('[');
        let mut code = 0;
        while code < 128 {
            if !self.contains(code) {
                code += 1;
                continue;
            }
            let last = (code..128).take_while(|code| self.contains(*code)).last().unwrap_or(code);
            let _ = write!(out, r"\x{code:02X}-\x{last:02X}");
            code = last + 1;
        }
        // A set with nothing in it matches nothing.
        out.push_str(if self.0 == 0 { "a&&b]" } else { "]" });
    }
}
