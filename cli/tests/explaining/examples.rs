//! `sealift explain`.

use crate::{check_accepts, printed, refused, topics};

#[test]
fn every_example_is_a_pipeline_that_check_takes() {
    let examples: Vec<_> = topics()
        .iter()
        .map(|topic| (topic["name"].as_str().unwrap().to_owned(), topic["example"].as_str().unwrap().to_owned()))
        .collect();
    assert!(examples.len() > 15, "{examples:?}");
    check_accepts(&examples);
}

#[test]
fn an_example_has_the_table_that_it_is_an_example_of() {
    for topic in topics() {
        let (header, example) = (topic["table"].as_str().unwrap(), topic["example"].as_str().unwrap());
        assert!(example.contains(header), "{header}\n{example}");
    }
}

#[test]
fn a_stage_is_told_with_its_fields_and_an_example() {
    insta::assert_snapshot!("explain_filter_platform", printed(&["explain", "filter", "platform"]));
    insta::assert_snapshot!("explain_list_registry", printed(&["explain", "list", "registry"]));
    insta::assert_snapshot!("explain_filter_newest", printed(&["explain", "filter", "newest"]));
}

/// Its example was an empty table after a list of another kind.
#[test]
fn a_stage_without_keys_is_told_without_an_example() {
    let told = printed(&["explain", "fetch", "registry"]);
    assert!(told.contains("[fetch]\nuse = \"registry\"\n"), "{told}");
    assert!(told.contains("\nThere are no keys to set.\n\nDefined in"), "{told}");
    assert!(!told.contains("Example") && !told.contains("[list]"), "{told}");
}

#[test]
fn tables_that_stages_share_are_told_as_well() {
    insta::assert_snapshot!("explain_run", printed(&["explain", "run"]));
    insta::assert_snapshot!("explain_registries", printed(&["explain", "registries"]));
}

#[test]
fn a_role_alone_lists_its_kinds() {
    insta::assert_snapshot!("explain_push", printed(&["explain", "push"]));
}

#[test]
fn what_is_not_there_is_told_with_what_was_meant() {
    insta::assert_snapshot!("explain_unknown", refused(&["explain", "filter", "plattform"]));
}
