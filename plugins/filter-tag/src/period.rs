//! Lengths of time, as people write them: `7d`, `12h`, `1w 2d`.

use std::{borrow::Cow, fmt, str::FromStr, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

/// A length of time: whole numbers with the units `w`, `d`, `h`, `m` (minutes) and `s`, such as `7d` or `1d12h`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(Duration);

const UNITS: [(char, u64); 5] = [('w', 7 * 86400), ('d', 86400), ('h', 3600), ('m', 60), ('s', 1)];

impl Period {
    /// The length of it.
    pub const fn duration(self) -> Duration {
        self.0
    }
}

/// A text is no length of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeriodError(String);

impl fmt::Display for PeriodError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a length of time, expected for example `7d`, `12h` or `1w 2d`", self.0)
    }
}

impl std::error::Error for PeriodError {}

impl FromStr for Period {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Self, PeriodError> {
        seconds(text).map(|seconds| Self(Duration::from_secs(seconds))).ok_or_else(|| PeriodError(text.to_owned()))
    }
}

/// The sum; none if something is not a number with a unit, or if it is longer than any age.
fn seconds(text: &str) -> Option<u64> {
    const LONGEST: u64 = 1000 * 366 * 86400;
    let mut rest = text.trim();
    let mut sum: u64 = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let number: u64 = rest[..digits].parse().ok()?;
        let mut after = rest[digits..].chars();
        let unit = after.next()?;
        let (_, seconds) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
        sum = sum.checked_add(number.checked_mul(seconds)?).filter(|sum| *sum <= LONGEST)?;
        rest = after.as_str().trim_start();
    }
    Some(sum)
}

/// As it is written, in the two largest units that say something.
impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = self.0.as_secs();
        let mut parts = Vec::new();
        for (unit, seconds) in UNITS.into_iter().skip(1) {
            if left / seconds > 0 {
                parts.push(format!("{}{unit}", left / seconds));
                left %= seconds;
            }
        }
        parts.truncate(2);
        if parts.is_empty() { f.write_str("0s") } else { f.write_str(&parts.join(" ")) }
    }
}

impl fmt::Debug for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Duration> for Period {
    fn from(duration: Duration) -> Self {
        Self(duration)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Period {
    fn schema_name() -> Cow<'static, str> {
        "Period".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A length of time, such as `7d`, `12h` or `1w 2d`.",
            "pattern": r"^\s*([0-9]+[wdhms]\s*)+$"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_add_up() {
        for (text, seconds) in
            [("7d", 604_800), ("12h", 43_200), ("1w 2d", 777_600), ("90m", 5400), ("1d12h", 129_600), ("0s", 0)]
        {
            assert_eq!(text.parse::<Period>().unwrap().duration().as_secs(), seconds, "{text}");
        }
    }

    const NO_PERIODS: [&str; 10] = ["", " ", "7", "d", "7 d", "-7d", "1.5d", "7days", "7D", "1y"];

    #[test]
    fn what_is_no_length_of_time_is_refused() {
        for text in NO_PERIODS.into_iter().chain(["99999999999999999999d", "999999999w"]) {
            assert!(text.parse::<Period>().is_err(), "{text}");
        }
        let told = "`7 days` is not a length of time, expected for example `7d`, `12h` or `1w 2d`";
        assert_eq!("7 days".parse::<Period>().unwrap_err().to_string(), told);
    }

    #[test]
    fn a_thousand_years_is_the_longest() {
        let days = 1000 * 366;
        assert!(format!("{days}d").parse::<Period>().is_ok());
        assert!(format!("{days}d 1s").parse::<Period>().is_err());
    }

    #[test]
    fn the_schema_takes_what_can_be_read() {
        let schema = schemars::schema_for!(Period).to_value();
        assert_eq!((&schema["title"], &schema["type"]), (&"Period".into(), &"string".into()));
        let pattern = regex::Regex::new(schema["pattern"].as_str().unwrap()).unwrap();
        for text in ["7d", "12h", "1w 2d", " 90m ", "1d12h", "0s"] {
            assert!(pattern.is_match(text) && text.parse::<Period>().is_ok(), "{text}");
        }
        for text in NO_PERIODS {
            assert!(!pattern.is_match(text), "{text}");
        }
    }

    #[test]
    fn people_are_told_two_units() {
        for (seconds, text) in [(0, "0s"), (59, "59s"), (90_061, "1d 1h"), (777_600, "9d"), (3_601, "1h 1s")] {
            assert_eq!(Period(Duration::from_secs(seconds)).to_string(), text);
        }
    }
}
