//! RE2's grammar, as Go's `regexp` reads it, written anew for the `regex` crate.

use std::{fmt::Write, str::Chars};

use super::{MAX_DEPTH, class::Class};

/// Repetitions that RE2 accepts, also as the product of nested ones.
const MAX_REPEAT: u32 = 1000;

/// Writes an expression for the `regex` crate, which shall match the same tags.
pub(super) fn translate(expression: &str) -> Result<String, String> {
    let mut parser = Parser { rest: expression.chars(), out: String::new(), open: Vec::new(), fold: false, atom: None };
    parser.all()?;
    Ok(parser.out)
}

struct Parser<'e> {
    rest: Chars<'e>,
    out: String,
    /// The groups that are open, each with what is around it.
    open: Vec<OpenGroup>,
    /// Upper and lower case are one.
    fold: bool,
    /// The atom that a repetition would be applied to.
    atom: Option<Atom>,
}

struct OpenGroup {
    start: usize,
    fold: bool,
    /// The largest product of repetitions in it so far.
    weight: u32,
}

#[derive(Clone, Copy)]
struct Atom {
    /// Its offset in the written expression.
    start: usize,
    /// The largest product of repetitions in it.
    weight: u32,
    /// It is a repetition, and nothing stands behind it yet.
    repeated: bool,
}

impl Parser<'_> {
    fn all(&mut self) -> Result<(), String> {
        while let Some(next) = self.rest.next() {
            match next {
                '(' => self.open()?,
                ')' => self.close()?,
                '|' => {
                    self.weigh();
                    self.out.push('|');
                    self.atom = None;
                }
                '^' => self.push(r"\A"),
                '$' => self.push(r"\z"),
                '.' => self.class(Class::ANY),
                '[' => {
                    let class = self.brackets()?;
                    self.class(class);
                }
                '*' => self.repeat(0, None, "*")?,
                '+' => self.repeat(1, None, "+")?,
                '?' => self.repeat(0, Some(1), "?")?,
                '{' => match self.counts() {
                    Some((least, most)) => self.counted(least, most)?,
                    None => self.literal('{'),
                },
                '\\' => self.backslash()?,
                other => self.literal(other),
            }
        }
        if self.open.is_empty() { Ok(()) } else { Err("a group is not closed".to_owned()) }
    }

    fn take(&mut self, expected: char) -> bool {
        let mut ahead = self.rest.clone();
        let found = ahead.next() == Some(expected);
        if found {
            self.rest = ahead;
        }
        found
    }

    fn push(&mut self, text: &str) {
        self.weigh();
        self.atom = Some(Atom { start: self.out.len(), weight: 1, repeated: false });
        self.out.push_str(text);
    }

    /// Notes the weight of what is complete with the group that it is in.
    fn weigh(&mut self) {
        if let (Some(atom), Some(open)) = (self.atom, self.open.last_mut()) {
            open.weight = open.weight.max(atom.weight);
        }
    }

    /// Notes that something without width stands behind a repetition, so that the next one does not follow directly.
    fn passed(&mut self) {
        if let Some(atom) = &mut self.atom {
            atom.repeated = false;
        }
    }

    fn class(&mut self, class: Class) {
        let mut text = String::new();
        class.write(&mut text);
        self.push(&text);
    }

    fn literal(&mut self, literal: char) {
        let class = self.one(literal, literal);
        self.class(class);
    }

    /// The characters from `low` to `high`, in both cases where that is asked for.
    fn one(&self, low: char, high: char) -> Class {
        let class = Class::range(low, high);
        if !self.fold {
            return class;
        }
        // The two characters outside ASCII that fold into it.
        let special =
            [('\u{17f}', 's'), ('\u{212a}', 'k')].into_iter().filter(|(outside, _)| (low..=high).contains(outside));
        special.fold(class, |class, (_, letter)| class.or(Class::range(letter, letter))).folded()
    }

    fn open(&mut self) -> Result<(), String> {
        let mut fold = self.fold;
        if self.take('?') {
            let named = self.take('<') || (self.take('P') && self.take('<'));
            if named {
                self.name()?;
            } else if !self.flags(&mut fold)? {
                self.fold = fold;
                self.passed();
                return Ok(());
            }
        }
        if self.open.len() as u32 >= MAX_DEPTH {
            return Err("it is nested too deeply".to_owned());
        }
        self.weigh();
        self.open.push(OpenGroup { start: self.out.len(), fold: self.fold, weight: 1 });
        self.fold = fold;
        self.out.push_str("(?:");
        self.atom = None;
        Ok(())
    }

    fn name(&mut self) -> Result<(), String> {
        let text = self.rest.as_str();
        let name = text.split('>').next().filter(|name| name.len() < text.len()).unwrap_or_default();
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(is_word) {
            return Err("the name of a group is missing or wrong".to_owned());
        }
        self.rest = text[name.len() + 1..].chars();
        Ok(())
    }

    /// Reads what stands behind `(?`. Returns true if a group begins, false if the flags are for what follows.
    fn flags(&mut self, fold: &mut bool) -> Result<bool, String> {
        let (mut on, mut seen) = (true, false);
        loop {
            match self.rest.next() {
                Some('i') => (*fold, seen) = (on, true),
                // A tag has one line, and whether the longest match is looked for changes nothing.
                Some('m' | 's' | 'U') => seen = true,
                Some('-') if on => (on, seen) = (false, false),
                Some(end @ (':' | ')')) if on || seen => return Ok(end == ':'),
                _ => return Err("`(?` must be followed by flags or a name; there is no look-around".to_owned()),
            }
        }
    }

    fn close(&mut self) -> Result<(), String> {
        self.weigh();
        let open = self.open.pop().ok_or("a group is closed that was not opened")?;
        self.fold = open.fold;
        self.out.push(')');
        self.atom = Some(Atom { start: open.start, weight: open.weight, repeated: false });
        if let Some(around) = self.open.last_mut() {
            around.weight = around.weight.max(open.weight);
        }
        Ok(())
    }

    /// Reads what stands behind `{`; none, and nothing taken, if that is no number of repetitions.
    fn counts(&mut self) -> Option<(u32, Option<u32>)> {
        let (inside, rest) = self.rest.as_str().split_once('}')?;
        let number = |text: &str| {
            let good = !text.is_empty()
                && text.bytes().all(|byte| byte.is_ascii_digit())
                && (text.len() == 1 || !text.starts_with('0'));
            good.then(|| text.parse().unwrap_or(u32::MAX))
        };
        let counts = match inside.split_once(',') {
            None => number(inside).map(|count| (count, Some(count)))?,
            Some((least, "")) => (number(least)?, None),
            Some((least, most)) => (number(least)?, Some(number(most)?)),
        };
        self.rest = rest.chars();
        Some(counts)
    }

    fn counted(&mut self, least: u32, most: Option<u32>) -> Result<(), String> {
        if least > MAX_REPEAT || most.is_some_and(|most| most > MAX_REPEAT || most < least) {
            return Err(format!("a number of repetitions is above {MAX_REPEAT}, or the first one is the larger"));
        }
        let operator = match most {
            Some(most) => format!("{{{least},{most}}}"),
            None => format!("{{{least},}}"),
        };
        self.repeat(least, most, &operator)
    }

    fn repeat(&mut self, least: u32, most: Option<u32>, operator: &str) -> Result<(), String> {
        let atom = self.atom.ok_or_else(|| format!("nothing stands before `{operator}` that could be repeated"))?;
        if atom.repeated {
            return Err(format!("`{operator}` repeats a repetition"));
        }
        self.take('?'); // whether the shortest match is looked for changes nothing
        let mut weight = atom.weight;
        if operator.starts_with('{') {
            let times = most.unwrap_or(least);
            weight = if times == 0 { 1 } else { weight.saturating_mul(times) };
            if (least >= 2 || most.is_some_and(|most| most >= 2)) && weight > MAX_REPEAT {
                return Err(format!("repetitions within repetitions come to more than {MAX_REPEAT}"));
            }
        }
        self.out.insert_str(atom.start, "(?:");
        let _ = write!(self.out, "){operator}");
        self.atom = Some(Atom { weight, repeated: true, ..atom });
        Ok(())
    }

    fn backslash(&mut self) -> Result<(), String> {
        let mut ahead = self.rest.clone();
        match ahead.next() {
            Some('A') => self.push(r"\A"),
            Some('z') => self.push(r"\z"),
            Some('b') => self.push(r"\b"),
            Some('B') => self.push(r"\B"),
            Some('Q') => {
                let (text, rest) = ahead.as_str().split_once(r"\E").unwrap_or((ahead.as_str(), ""));
                self.passed();
                text.chars().for_each(|literal| self.literal(literal));
                ahead = rest.chars();
            }
            _ => {
                match self.escaped_class()? {
                    Some(class) => self.class(class),
                    None => {
                        let literal = self.escape()?;
                        self.literal(literal);
                    }
                }
                return Ok(());
            }
        }
        self.rest = ahead;
        Ok(())
    }

    /// Reads a class that stands behind a backslash; none, and nothing taken, if it is none.
    fn escaped_class(&mut self) -> Result<Option<Class>, String> {
        let mut ahead = self.rest.clone();
        let Some(letter) = ahead.next() else { return Ok(None) };
        if let Some(class) = Class::perl(letter.to_ascii_lowercase()) {
            self.rest = ahead;
            return Ok(Some(class.negated_if(letter.is_ascii_uppercase())));
        }
        if !matches!(letter, 'p' | 'P') {
            return Ok(None);
        }
        let text = ahead.as_str();
        let (name, rest) = match text.strip_prefix('{') {
            Some(braced) => braced.split_once('}').ok_or(r"`\p{` is not closed")?,
            None => text.split_at(text.chars().next().map_or(0, char::len_utf8)),
        };
        let (negated, name) = name.strip_prefix('^').map_or((false, name), |name| (true, name));
        let class = Class::unicode(name).ok_or_else(|| format!("there is no category or script `{name}`"))?;
        self.rest = rest.chars();
        let class = if self.fold { class.folded() } else { class };
        Ok(Some(class.negated_if(negated != (letter == 'P'))))
    }

    /// Reads the character that stands behind a backslash.
    fn escape(&mut self) -> Result<char, String> {
        let wrong = |text: String| Err(format!("there is no escape `\\{text}`"));
        match self.rest.next() {
            None => Err("it ends with a backslash".to_owned()),
            Some('a') => Ok('\x07'),
            Some('f') => Ok('\x0c'),
            Some('n') => Ok('\n'),
            Some('r') => Ok('\r'),
            Some('t') => Ok('\t'),
            Some('v') => Ok('\x0b'),
            Some('x') => self.hexadecimal(),
            Some(digit @ '0'..='7') => {
                let octal = |c: &char| ('0'..='7').contains(c);
                let more = self.rest.clone().take(2).take_while(octal).collect::<String>();
                if digit != '0' && more.is_empty() {
                    return Err(format!("there is no escape `\\{digit}`, and no reference to a group"));
                }
                self.rest = self.rest.as_str()[more.len()..].chars();
                let code = u32::from_str_radix(&format!("{digit}{more}"), 8).unwrap_or_default();
                Ok(char::from_u32(code).unwrap_or_default())
            }
            Some(other) if other.is_ascii() && !other.is_ascii_alphanumeric() => Ok(other),
            Some(other) => wrong(other.to_string()),
        }
    }

    fn hexadecimal(&mut self) -> Result<char, String> {
        let text = self.rest.as_str();
        let (digits, rest) = match text.strip_prefix('{') {
            Some(braced) => braced.split_once('}').unwrap_or_default(),
            None => text.split_at_checked(2).unwrap_or_default(),
        };
        let hexadecimal = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let code = u32::from_str_radix(digits, 16).ok().filter(|code| hexadecimal && *code <= 0x0010_FFFF);
        self.rest = rest.chars();
        // A surrogate is no character, and matches nothing.
        code.map(|code| char::from_u32(code).unwrap_or('\u{10FFFF}')).ok_or_else(|| r"`\x` lacks its number".to_owned())
    }

    /// Reads a class up to its closing bracket.
    fn brackets(&mut self) -> Result<Class, String> {
        let negated = self.take('^');
        let mut class = Class::default();
        let mut first = true;
        while first || !self.take(']') {
            first = false;
            class = class.or(self.item()?);
        }
        Ok(class.negated_if(negated))
    }

    /// Reads one item of a class: a class with a name, a character or a range.
    fn item(&mut self) -> Result<Class, String> {
        let text = self.rest.as_str();
        if let Some((name, rest)) = text.strip_prefix("[:").and_then(|text| text.split_once(":]")) {
            let (negated, bare) = name.strip_prefix('^').map_or((false, name), |name| (true, name));
            let class = Class::posix(bare).ok_or_else(|| format!("there is no class `[:{name}:]`"))?;
            self.rest = rest.chars();
            let class = if self.fold { class.folded() } else { class };
            return Ok(class.negated_if(negated));
        }
        if let Some(after) = text.strip_prefix('\\') {
            let before = std::mem::replace(&mut self.rest, after.chars());
            match self.escaped_class()? {
                Some(class) => return Ok(class),
                None => self.rest = before,
            }
        }
        let low = self.character()?;
        let is_range = self.rest.as_str().starts_with('-')
            && !self.rest.as_str()[1..].starts_with(']')
            && self.rest.as_str().len() > 1;
        let high = if is_range && self.take('-') { self.character()? } else { low };
        if high < low {
            return Err(format!("the range `{low}-{high}` goes backwards"));
        }
        Ok(self.one(low, high))
    }

    fn character(&mut self) -> Result<char, String> {
        match self.rest.next() {
            None => Err("a class is not closed: `]` is missing".to_owned()),
            Some('\\') => self.escape(),
            Some(other) => Ok(other),
        }
    }
}
