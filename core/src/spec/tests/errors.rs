//! Every way to get a pipeline wrong, as users read it.

use super::{rendered, run, told};

const LIST: &str = "[list]\nuse = \"registry\"\n";

/// What is wrong with some lines after a list that is right.
fn after_a_list(lines: &str) -> String {
    told(&format!("{LIST}{lines}"))
}

#[test]
fn every_kind_of_mistake_is_told_at_once_and_in_order() {
    insta::assert_snapshot!(told(
        r#"
nane = "nightly"

[run]
transfers = 0
retries = -1
index = "rewrit"

[list]
use = "registry"
images = [{ frm = "quay.io/etcd" }, { from = 5, to = "x" }]

[[filter]]
use = "platform"
kep = ["linux/amd64"]

[[filter]]
use = "platfrm"

[[filter]]
use = "platform"
keep = ["linux", "linux/amd64", "windows", 5]
without = "dropp"
limit = 300

[[push]]
use = "oci-dir"
path = ""

[registries."quay.io"]
insecure = "yes"
usernam = "bot"
port = 65536

[registry]
x = 1
"#
    ));
}

#[test]
fn an_empty_file_lacks_a_list() {
    insta::assert_snapshot!(told(""), @r#"
    error: missing table `[list]`, which says what there is to copy
      --> mirror.toml:1:1
       | 
       | ^
       = linked lists: `oci-dir`, `registry`
    hint: write `[list]` and under it `use = "…"`
    "#);
}

#[test]
fn all_syntax_errors_are_told_at_once() {
    insta::assert_snapshot!(told("name = \n[list\nuse = registry\n[run]\nforce = true false\n"), @r#"
    error: a value is missing
      --> mirror.toml:1:8
       | name = 
       |        ^
       = the file is not valid TOML

    error: unclosed table, expected `]`
      --> mirror.toml:2:6
       | [list
       |      ^
       = the file is not valid TOML

    error: this is no value; a text stands in quotes
      --> mirror.toml:5:9
       | force = true false
       |         ^^^^^^^^^^
       = the file is not valid TOML
    "#);
}

#[test]
fn a_key_that_is_there_twice_is_told_at_the_second() {
    insta::assert_snapshot!(told("[list]\nuse = \"registry\"\nuse = \"oci-dir\"\n[list]\n"), @r#"
    error: `use` is there twice
      --> mirror.toml:3:1
       | use = "oci-dir"
       | ^^^
       = the file is not valid TOML

    error: `list` is there twice
      --> mirror.toml:4:2
       | [list]
       |  ^^^^
       = the file is not valid TOML
    "#);
}

#[test]
fn a_stage_without_use_lists_the_kinds() {
    insta::assert_snapshot!(told("[list]\nrules = \"images.yaml\"\n"), @r#"
    error: missing `use`, which names the kind of list
      --> mirror.toml:1:1
       | [list]
       | ^^^^^^
       = linked lists: `oci-dir`, `registry`
    hint: write `use = "…"` first in the table
    "#);
}

#[test]
fn use_must_be_a_text() {
    insta::assert_snapshot!(told("[list]\nuse = [\"registry\"]\n"), @r#"
    error: `use` must be a text, the kind of list, not a list
      --> mirror.toml:2:7
       | use = ["registry"]
       |       ^^^^^^^^^^^^
       = linked lists: `oci-dir`, `registry`
    "#);
}

#[test]
fn an_unknown_kind_without_a_close_name_lists_the_kinds() {
    insta::assert_snapshot!(after_a_list("[[push]]\nuse = \"s3\"\n"), @r#"
    error: unknown push `s3`
      --> mirror.toml:4:7
       | use = "s3"
       |       ^^^^
       = linked pushes: `oci-dir`, `registry`
    hint: a plugin in a crate of yours is linked once the crate is mentioned in code: `use the_crate as _;`
    "#);
}

#[test]
fn a_kind_of_another_role_is_told_as_such() {
    insta::assert_snapshot!(after_a_list("[[push]]\nuse = \"platform\"\n"), @r#"
    error: unknown push `platform`, there is only a filter of this kind
      --> mirror.toml:4:7
       | use = "platform"
       |       ^^^^^^^^^^
       = linked pushes: `oci-dir`, `registry`
    hint: a plugin in a crate of yours is linked once the crate is mentioned in code: `use the_crate as _;`
    "#);
}

#[test]
fn a_single_table_for_a_list_of_stages_is_told_and_looked_into() {
    insta::assert_snapshot!(after_a_list("[push]\nuse = \"oci-dir\"\n[filter.platform]\nkeep = []\n"), @r#"
    error: `push` must be a list of tables, not a single table
      --> mirror.toml:3:1
       | [push]
       | ^^^^^^
    hint: write `[[push]]`, once for each push

    error: missing field `path`
      --> mirror.toml:3:1
       | [push]
       | ^^^^^^
       = in push `oci-dir`
    hint: run `sealift explain push oci-dir`

    error: `filter` must be a list of tables, not a single table
      --> mirror.toml:5:2
       | [filter.platform]
       |  ^^^^^^
    hint: write `[[filter]]`, once for each filter
    "#);
}

#[test]
fn a_list_of_tables_for_a_single_stage_is_told() {
    insta::assert_snapshot!(told("[list]\nuse = \"registry\"\n[[fetch]]\nuse = \"registry\"\n"), @r#"
    error: there can be one `[fetch]` only, not a list of them
      --> mirror.toml:3:1
       | [[fetch]]
       | ^^^^^^^^^
    hint: write `[fetch]`
    "#);
}

#[test]
fn values_in_place_of_tables_are_told() {
    insta::assert_snapshot!(
        told("name = 1\nlist = \"registry\"\nrun = 5\nfilter = true\npush = [1]\nregistries = 2024-01-01\n"),
        @r#"
        error: `name` must be a text, not a number
          --> mirror.toml:1:8
           | name = 1
           |        ^

        error: `list` must be a table, not a text
          --> mirror.toml:2:8
           | list = "registry"
           |        ^^^^^^^^^^
        hint: write `[list]`

        error: `run` must be a table, not a number
          --> mirror.toml:3:7
           | run = 5
           |       ^
        hint: write `[run]`

        error: `filter` must be a list of tables, not `true`
          --> mirror.toml:4:10
           | filter = true
           |          ^^^^
        hint: write `[[filter]]`, once for each filter

        error: `push` must be a list of tables, and this is a number
          --> mirror.toml:5:9
           | push = [1]
           |         ^
        hint: write `[[push]]`, once for each push

        error: `registries` must be a table, not a date
          --> mirror.toml:6:14
           | registries = 2024-01-01
           |              ^^^^^^^^^^
        hint: write `[registries]`
        "#
    );
}

#[test]
fn an_unknown_table_without_a_close_name_lists_the_known_ones() {
    insta::assert_snapshot!(after_a_list("[somethingelse]\n[filters]\n"), @r#"
    error: unknown table `[somethingelse]`
      --> mirror.toml:3:2
       | [somethingelse]
       |  ^^^^^^^^^^^^^
       = known are `name`, `[run]`, `[list]`, `[[filter]]`, `[fetch]`, `[[push]]`, `[[observe]]`, `[[login]]`, `[chicken]`, `[egg]`, `[registries]`
    hint: a table that a crate of yours defines is known once the crate is mentioned: `use the_crate as _;`

    error: unknown table `[filters]`, did you mean `[[filter]]`?
      --> mirror.toml:4:2
       | [filters]
       |  ^^^^^^^
       = known are `name`, `[run]`, `[list]`, `[[filter]]`, `[fetch]`, `[[push]]`, `[[observe]]`, `[[login]]`, `[chicken]`, `[egg]`, `[registries]`
    hint: a table that a crate of yours defines is known once the crate is mentioned: `use the_crate as _;`
    "#);
}

#[test]
fn a_missing_field_is_told_at_its_table() {
    insta::assert_snapshot!(after_a_list("[[push]]\nuse = \"oci-dir\"\n"), @r#"
    error: missing field `path`
      --> mirror.toml:3:1
       | [[push]]
       | ^^^^^^^^
       = in push `oci-dir`
    hint: run `sealift explain push oci-dir`
    "#);
}

#[test]
fn what_only_the_struct_knows_is_told_in_plain_words() {
    insta::assert_snapshot!(
        after_a_list("[[filter]]\nuse = \"platform\"\nkeep = [\"a\", \"b/c\", \"d\"]\nsince = \"long ago\"\n"),
        @r#"
        error: `a` is not of the form `os/arch`
          --> mirror.toml:5:9
           | keep = ["a", "b/c", "d"]
           |         ^^^
           = in filter `platform`
        hint: run `sealift explain filter platform`

        error: `d` is not of the form `os/arch`
          --> mirror.toml:5:21
           | keep = ["a", "b/c", "d"]
           |                     ^^^
           = in filter `platform`
        hint: run `sealift explain filter platform`

        error: `since` must be a whole number, not a text
          --> mirror.toml:6:9
           | since = "long ago"
           |         ^^^^^^^^^^
           = in filter `platform`
        hint: run `sealift explain filter platform`
        "#
    );
    insta::assert_snapshot!(
        after_a_list("[[filter]]\nuse = \"platform\"\nkeep = []\nsince = 1000000\n"),
        @r#"
        error: `since` must be a whole number, not `1000000`
          --> mirror.toml:6:9
           | since = 1000000
           |         ^^^^^^^
           = in filter `platform`
        hint: run `sealift explain filter platform`
        "#
    );
}

#[test]
fn problems_that_building_finds_are_told_at_their_keys_and_hide_nothing_of_other_stages() {
    insta::assert_snapshot!(
        told(r#"
[list]
use = "registry"
images = [
  { from = "quay.io/etcd", to = ["a", ""] },
  { from = "etcd" },
]

[[filter]]
use = "platform"
keep = ["boom/boom"]

[[push]]
use = "registry"

[[push]]
use = "registry"
"#),
        @r#"
        error: a destination is empty
          --> mirror.toml:5:39
           |   { from = "quay.io/etcd", to = ["a", ""] },
           |                                       ^^
           = in list `registry`

        error: a source has a registry
          --> mirror.toml:6:12
           |   { from = "etcd" },
           |            ^^^^^^
           = in list `registry`

        error: no such platform
          --> mirror.toml:11:8
           | keep = ["boom/boom"]
           |        ^^^^^^^^^^^^^
           = in filter `platform`

        error: the targets belong to the first push
          --> mirror.toml:16:1
           | [[push]]
           | ^^^^^^^^
           = in push `registry`
        hint: set `prefix`
        "#
    );
}

#[test]
fn a_problem_in_another_file_keeps_its_place() {
    insta::assert_snapshot!(told("[list]\nuse = \"registry\"\nrules = \"broken.yaml\"\n"), @r#"
    error: a list is not closed
      --> broken.yaml:2:4
       | b: [
       |    ^
       = in list `registry`
    "#);
}

#[test]
fn a_section_that_fails_is_told_once_whoever_asks_for_it() {
    insta::assert_snapshot!(
        after_a_list(
            r#"
[[push]]
use = "registry"

[[push]]
use = "registry"
prefix = "a.example.com"

[registries."quay.io"]
password = { env = "UNSET" }
insecure = true
port = 443
"#
        ),
        @r#"
        error: the environment variable `UNSET` of `registries."quay.io".password` is not set
          --> mirror.toml:12:12
           | password = { env = "UNSET" }
           |            ^^^^^^^^^^^^^^^^^
           = in `[registries]`
        hint: set `UNSET` in the environment of the run

        error: port 443 is never insecure
          --> mirror.toml:14:8
           | port = 443
           |        ^^^
           = in `[registries]`
        "#
    );
}

#[test]
fn a_section_that_cannot_be_read_is_told_once_whoever_asks_for_it() {
    insta::assert_snapshot!(after_a_list("[registries.\"quay.io\"]\nport = \"x\"\n"), @r#"
    error: `registries."quay.io".port` must be a whole number, 0 to 65535, not a text
      --> mirror.toml:4:8
       | port = "x"
       |        ^^^
       = in `[registries]`
    hint: run `sealift explain registries`
    "#);
}

#[test]
fn sections_that_need_each_other_are_told() {
    insta::assert_snapshot!(after_a_list("[chicken]\n"), @r#"
    error: the sections that `[chicken]` needs need `[chicken]` themselves
      --> mirror.toml:3:1
       | [chicken]
       | ^^^^^^^^^
       = in `[chicken]`
    "#);
}

#[test]
fn a_plugin_that_panics_while_it_is_built_is_named() {
    let found = told(&format!("{LIST}[[filter]]\nuse = \"platform\"\nkeep = [\"linux/amd64\"]\nlimit = 66\n"));
    assert!(found.contains("error: the filter `platform` broke while it was built: told to\n"), "{found}");
    assert!(found.contains("  --> mirror.toml:3:1\n") && found.contains("   = in filter `platform`"), "{found}");
}

#[test]
fn a_text_over_four_mebibytes_is_refused_unread() {
    let found = run(&format!("{LIST}#{}", "x".repeat(4 << 20))).err().expect("it is too large");
    insta::assert_snapshot!(rendered(&found), @r#"
    error: `mirror.toml` has 4194329 bytes; a pipeline has 4194304 at most
    hint: keep long lists of images in a file of rules
    "#);
}

#[test]
fn more_errors_than_anybody_reads_are_counted() {
    let found = run(&format!("{LIST}{}", (0..1000).map(|n| format!("key{n} = {n}\n")).collect::<String>())).err();
    let found = found.expect("the keys are unknown");
    assert_eq!(found.len(), 201);
    insta::assert_snapshot!(found[200], @"there are 800 more errors in `mirror.toml`");
}
