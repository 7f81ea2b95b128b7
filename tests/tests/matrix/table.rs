//! The cells of the matrix, and the page that shows them.

use std::fmt::Write as _;

use crate::{
    registries::Setup,
    shapes::{self, BLOB_ENTRY, FOREIGN, LARGE},
};

/// The side on which a registry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Destination,
    Source,
}

/// A row of the matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Check {
    pub(crate) role: Role,
    pub(crate) what: &'static str,
}

impl Check {
    /// All of them, in the order in which they are played.
    pub(crate) fn all() -> Vec<Self> {
        let checks = |role, plain: &'static [&'static str]| {
            plain.iter().copied().chain(shapes::NAMES).map(move |what| Self { role, what })
        };
        checks(Role::Destination, &["copy", "rerun", "referrers", "mount", "load", "delta", "sparse index"])
            .chain(checks(Role::Source, &["copy", "rerun", "referrers", "stage"]))
            .collect()
    }
}

/// What came of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Works,
    /// It failed; with what the program said.
    Fails(String),
    /// There is nothing to read, because the registry did not take it.
    Absent,
}

/// Cells where a registry does not do what is asked.
struct Refusal {
    what: &'static str,
    setups: &'static [Setup],
    /// What the program must say.
    words: &'static str,
    /// The cause, for the page.
    cause: &'static str,
}

const ALL_BUT_SERVE: &[Setup] = &[
    Setup::Distribution2,
    Setup::Distribution2Tls,
    Setup::Distribution2Nginx,
    Setup::Distribution2Tokens,
    Setup::Distribution3,
    Setup::Distribution3Tokens,
    Setup::Distribution3Prefix,
];

const REFUSALS: &[Refusal] = &[
    Refusal {
        what: "sparse index",
        setups: &Setup::ALL,
        words: "filters left images out of the index, and `index` in [run] is `sparse`",
        cause: "An index without all its images is refused, as the specification allows: 400 `MANIFEST_BLOB_UNKNOWN`. \
                Distribution 3 takes it if its operator says so (`validation.manifests.indexes.platforms: none`).",
    },
    Refusal {
        what: FOREIGN,
        setups: ALL_BUT_SERVE,
        words: "does not take images with foreign layers (500",
        cause: "Distribution takes layers with `urls` only if its operator allows their URLs \
                (`validation.manifests.urls.allow`), and answers 500 otherwise.",
    },
    Refusal {
        what: BLOB_ENTRY,
        setups: &[Setup::Distribution3, Setup::Distribution3Tokens, Setup::Distribution3Prefix],
        words: "takes no index that lists a blob (`application/vnd.example.data+json`",
        cause: "Distribution 3 looks for each entry of an index among the manifests, unless its operator switches that \
                off (`validation.manifests.indexes.platforms: none`): 400 `MANIFEST_BLOB_UNKNOWN`.",
    },
    Refusal {
        what: LARGE,
        setups: &[Setup::Distribution2Nginx],
        words: "it is too large for the registry or for a proxy in front of it (413)",
        cause: "A manifest is one request, which is larger than the proxy takes (413). Blobs are sent in parts.",
    },
];

fn refusal(setup: Setup, check: Check) -> Option<(usize, &'static Refusal)> {
    let found = |refusal: &&Refusal| refusal.what == check.what && refusal.setups.contains(&setup);
    REFUSALS.iter().enumerate().map(|(at, refusal)| (at + 1, refusal)).find(|(_, refusal)| found(refusal))
}

/// Tells how an outcome differs from the table; none if it does not.
pub(crate) fn difference(setup: Setup, check: Check, outcome: &Outcome) -> Option<String> {
    let cell = format!("{}, {:?}, {}", setup.head(), check.role, check.what);
    match (outcome, refusal(setup, check), check.role) {
        (Outcome::Works, None, _) | (Outcome::Absent, Some(_), Role::Source) => None,
        (Outcome::Fails(said), Some((_, refusal)), Role::Destination) if said.contains(refusal.words) => None,
        (outcome, Some((_, refusal)), _) => {
            Some(format!("{cell}: `{}` is expected, and not {outcome:?}", refusal.words))
        }
        (Outcome::Fails(said), None, _) => Some(format!("{cell}: it fails:\n{said}")),
        (Outcome::Absent, None, _) => Some(format!("{cell}: it is not there")),
    }
}

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/compatibility.md");
const BEGIN: &str = "<!-- begin: written by tests/tests/matrix/table.rs -->\n";
const END: &str = "<!-- end -->\n";

/// What is built from Go's module proxy.
const PINNED: [(&str, &str); 5] = [
    ("distribution 3", "github.com/distribution/distribution/v3"),
    ("crane", "github.com/google/go-containerregistry"),
    ("oras", "oras.land/oras"),
    ("regctl", "github.com/regclient/regclient"),
    ("conformance suite", "github.com/opencontainers/distribution-spec/conformance"),
];

fn version(module: &str) -> &'static str {
    let lines = include_str!("../../../.ci/tools/go.mod").lines();
    let mut words = lines.map(|line| line.trim_start_matches("require ").split_whitespace());
    words.find_map(|mut words| (words.next() == Some(module)).then(|| words.next())?).expect("go.mod pins the module")
}

/// Everything between the markers of the page.
fn text() -> String {
    let mut text = String::from("\n| column | what it is |\n|---|---|\n");
    for setup in Setup::ALL {
        let _ = writeln!(text, "| {} | {} |", setup.head(), setup.text());
    }
    let versions = PINNED.map(|(name, module)| format!("{name} {}", version(module)));
    let _ = writeln!(text, "\nVersions: {}.", versions.join(", "));
    for (role, head) in [(Role::Destination, "as destination"), (Role::Source, "as source")] {
        let heads: Vec<&str> = Setup::ALL.map(Setup::head).to_vec();
        let _ = write!(text, "\n| {head} | {} |\n|---|{}\n", heads.join(" | "), "---|".repeat(heads.len()));
        for check in Check::all().into_iter().filter(|check| check.role == role) {
            let cells = Setup::ALL.map(|setup| match (refusal(setup, check), role) {
                (None, _) => "yes".to_owned(),
                (Some((number, _)), Role::Destination) => format!("no ({number})"),
                (Some(_), Role::Source) => "–".to_owned(),
            });
            let _ = writeln!(text, "| {} | {} |", check.what, cells.join(" | "));
        }
    }
    text.push('\n');
    for (number, refusal) in REFUSALS.iter().enumerate() {
        let _ = writeln!(text, "{}. {}", number + 1, refusal.cause);
    }
    text.push('\n');
    text
}

#[test]
fn the_page_shows_the_table() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the page has the first marker");
    let (_, after) = rest.split_once(END).expect("the page has the second marker");
    let fresh = format!("{before}{BEGIN}{}{END}{after}", text());
    if std::env::var_os("SEALIFT_WRITE_DOCS").is_some() {
        std::fs::write(PAGE, &fresh).unwrap();
        return;
    }
    assert!(page == fresh, "it is stale: run this test with `SEALIFT_WRITE_DOCS=1`");
}

// A refusal of a check that does not exist would say nothing.
#[test]
fn each_refusal_is_about_a_check_of_a_destination() {
    for refusal in REFUSALS {
        let known = |check: &Check| check.role == Role::Destination && check.what == refusal.what;
        assert!(Check::all().iter().any(known), "{}", refusal.what);
        assert!(!refusal.words.is_empty() && !refusal.setups.is_empty());
    }
}
