//! What a pipeline means.

use super::{checked, rendered, right, run, settings};
use crate::{
    content::Reference,
    job::{Candidate, Listing},
    plugin::Purpose,
    spec::{IndexMode, load_parts},
};

const LEAST: &str = "[list]\nuse = \"registry\"\n";

#[test]
fn a_list_is_all_that_a_pipeline_needs() {
    let loaded = right(LEAST);
    let pipeline = loaded.pipeline.open().unwrap();
    assert_eq!(pipeline.name, "mirror");
    assert_eq!(&*pipeline.list.kind, "registry");
    assert_eq!(&*pipeline.fetch.kind, "registry");
    assert_eq!(pipeline.pushes.iter().map(|push| &*push.kind).collect::<Vec<_>>(), ["registry"]);
    assert!(pipeline.filters.is_empty());
    assert_eq!(pipeline.run.transfers, None);
    assert!(loaded.warnings.is_empty());
}

#[test]
fn everything_that_is_written_arrives() {
    let text = r#"
name = "nightly"

[run]
transfers = 8
retries = 0
index = "single"
force = true
referrers = false
grace_s = 5

[list]
use = "registry"
images = [{ from = "quay.io/etcd", to = ["a.example.com/etcd"] }]

[fetch]
use = "registry"

[[push]]
use = "oci-dir"
path = "bundle"

[[push]]
use = "registry"

[registries."quay.io"]
username = "bot"
password = { env = "SET" }
"#;
    let pipeline = right(text).pipeline.open().unwrap();
    assert_eq!(pipeline.name, "nightly");
    assert_eq!(pipeline.run.transfers.map(usize::from), Some(8));
    assert_eq!((pipeline.run.retries, pipeline.run.grace_s), (Some(0), Some(5)));
    assert_eq!(
        (pipeline.run.index, pipeline.run.force, pipeline.run.referrers),
        (IndexMode::Single, true, Some(false))
    );
    assert_eq!(pipeline.pushes.iter().map(|push| &*push.kind).collect::<Vec<_>>(), ["oci-dir", "registry"]);
}

#[test]
fn filters_keep_the_order_of_the_file() {
    let filter = |limit| format!("[[filter]]\nuse = \"platform\"\nkeep = [\"linux/amd64\"]\nlimit = {limit}\n");
    let pipeline = right(&format!("{LEAST}{}{}{}", filter(3), filter(1), filter(2))).pipeline.open().unwrap();
    let candidate = |n: usize| Candidate::new(Reference::Tag(format!("v{n}").parse().unwrap()));
    let limits: Vec<_> = pipeline
        .filters
        .iter()
        .map(|filter| {
            let mut listing = Listing::new("quay.io/etcd".parse().unwrap(), (0..9).map(candidate).collect(), "");
            filter.stage.filter_tags(&mut listing);
            listing.candidates.len()
        })
        .collect();
    assert_eq!(limits, [3, 1, 2]);
}

#[test]
fn a_list_without_a_fetch_of_its_kind_reads_from_registries() {
    let pipeline = right("[list]\nuse = \"oci-dir\"\npath = \"x\"\n").pipeline.open().unwrap();
    assert_eq!((&*pipeline.list.kind, &*pipeline.fetch.kind), ("oci-dir", "registry"));
}

#[test]
fn several_lists_are_one() {
    let pipeline = right("[[list]]\nuse = \"registry\"\n[[list]]\nuse = \"registry\"\n").pipeline.open().unwrap();
    assert_eq!((&*pipeline.list.kind, &*pipeline.fetch.kind), ("registry + registry", "registry"));
}

#[test]
fn a_variable_that_is_not_set_is_a_warning_when_only_checking() {
    let text = format!("{LEAST}[registries.\"quay.io\"]\nusername = \"bot\"\npassword = {{ env = \"UNSET\" }}\n");
    let loaded = checked(&text);
    insta::assert_snapshot!(rendered(&loaded.warnings), @r#"
    warning: the environment variable `UNSET` of `registries."quay.io".password` is not set
      --> mirror.toml:5:12
       | password = { env = "UNSET" }
       |            ^^^^^^^^^^^^^^^^^
       = in `[registries]`
    hint: set `UNSET` in the environment of the run
    "#);
}

#[test]
fn a_byte_order_mark_and_an_empty_line_more_or_less_change_nothing() {
    assert!(run(&format!("\u{feff}{LEAST}")).is_ok());
    assert!(run(LEAST.trim_end()).is_ok());
    assert!(run(&LEAST.replace('\n', "\r\n")).is_ok());
}

#[test]
fn a_piece_of_a_pipeline_has_only_what_is_written() {
    let load = |text: &str| load_parts(text, "piece.toml", &settings(Purpose::Run));
    let parts = load("[[filter]]\nuse = \"platform\"\nkeep = [\"linux/amd64\"]\n")
        .unwrap_or_else(|found| panic!("{}", rendered(&found)));
    assert_eq!(parts.filters.iter().map(|filter| &*filter.kind).collect::<Vec<_>>(), ["platform"]);
    assert!(parts.list.is_none() && parts.fetch.is_none() && parts.pushes.is_empty() && parts.warnings.is_empty());
    let wrong = load("[[filter]]\nuse = \"platform\"\nkep = []\n").err().unwrap();
    assert_eq!(wrong[0].location.as_ref().map(|place| place.line), Some(3));
}
