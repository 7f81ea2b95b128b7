//! A secret never shows in what is said about a file.

use super::told;

const LIST: &str = "[list]\nuse = \"registry\"\n";

/// What is told of some lines after a list that is right, which must not have the secret in it.
fn safely_told(lines: &str) -> String {
    let text = told(&format!("{LIST}{lines}"));
    assert!(!text.contains("hunter2"), "{text}");
    text
}

#[test]
fn a_secret_that_does_not_fit_is_pointed_at_and_masked() {
    insta::assert_snapshot!(safely_told("[registries.\"quay.io\"]\npassword = [\"hunter2\"] # why\n"), @r#"
    error: `registries."quay.io".password` must be a text or `{ env = "NAME" }`, not a list
      --> mirror.toml:4:12
       | password = [[secret]] # why
       |            ^^^^^^^^^^
       = in `[registries]`
    hint: run `sealift explain registries`
    "#);
}

#[test]
fn a_number_for_a_secret_is_not_repeated() {
    let text = told(&format!("{LIST}[registries.\"quay.io\"]\npassword = 48151623\n"));
    assert!(!text.contains("48151623"), "{text}");
    insta::assert_snapshot!(text, @r#"
    error: `registries."quay.io".password` must be a text or `{ env = "NAME" }`, not a number
      --> mirror.toml:4:12
       | password = [secret]
       |            ^^^^^^^^
       = in `[registries]`
    hint: run `sealift explain registries`
    "#);
}

#[test]
fn a_secret_beside_a_mistake_is_masked_and_the_column_stays_true() {
    insta::assert_snapshot!(
        safely_told("[registries]\n\"quay.io\" = { password = \"hunter2\", port = -1, username = \"hunter2\" }\n"),
        @r#"
        error: `registries."quay.io".port` must be a whole number, 0 to 65535, not `-1`
          --> mirror.toml:4:44
           | "quay.io" = { password = *********, port = -1, username = [secret] }
           |                                            ^^
           = in `[registries]`
        hint: run `sealift explain registries`
        "#
    );
}

#[test]
fn a_table_around_a_secret_is_pointed_at_with_the_secret_masked() {
    insta::assert_snapshot!(
        safely_told("[[registries.x]]\n[[push]]\nuse = { password = \"hunter2hunter2hunter2\" }\n"),
        @r#"
        error: `registries.x` must be a table, not a list
          --> mirror.toml:3:1
           | [[registries.x]]
           | ^^^^^^^^^^^^^^^^
           = in `[registries]`
        hint: run `sealift explain registries`

        error: `use` must be a text, the kind of push, not a table
          --> mirror.toml:5:7
           | use = { password = [secret] }
           |       ^^^^^^^^^^^^^^^^^^^^^^^
           = linked pushes: `oci-dir`, `registry`
        "#
    );
}

#[test]
fn a_misspelt_key_of_a_secret_is_masked_too() {
    insta::assert_snapshot!(safely_told("[registries.\"quay.io\"]\npasswrd = \"hunter2\"\n"), @r#"
    error: unknown field `passwrd`, did you mean `password`?
      --> mirror.toml:4:1
       | passwrd = [secret]
       | ^^^^^^^
       = in `[registries]`
    hint: run `sealift explain registries`
    "#);
}

#[test]
fn what_a_schema_calls_secret_is_masked_whatever_its_name() {
    insta::assert_snapshot!(safely_told("[[push]]\nuse = \"registry\"\npin = { evn = \"hunter2\" }\n"), @r#"
    error: unknown field `evn`, did you mean `env`?
      --> mirror.toml:5:9
       | pin = { evn = [secret] }
       |         ^^^
       = in push `registry`
    hint: run `sealift explain push registry`
    "#);
}

#[test]
fn the_name_of_a_variable_is_no_secret() {
    insta::assert_snapshot!(told(&format!("{LIST}[[push]]\nuse = \"registry\"\npin = {{ env = \"UNSET\" }}\n")), @r#"
    error: the environment variable `UNSET` of `pin` is not set
      --> mirror.toml:5:7
       | pin = { env = "UNSET" }
       |       ^^^^^^^^^^^^^^^^^
       = in push `registry`
    hint: set `UNSET` in the environment of the run
    "#);
}

// An empty password was sent, and the registry said that it is wrong.
#[test]
fn an_empty_variable_is_no_secret() {
    let said = told(&format!("{LIST}[[push]]\nuse = \"registry\"\npin = {{ env = \"EMPTY\" }}\n"));
    assert!(said.contains("the environment variable `EMPTY` of `pin` is empty"), "{said}");
}

#[test]
fn a_secret_in_a_file_that_is_not_toml_is_masked() {
    insta::assert_snapshot!(safely_told("[registries.\"quay.io\"]\npassword = hunter2\n"), @r#"
    error: this is no value; a text stands in quotes
      --> mirror.toml:4:12
       | password = [secret]
       |            ^^^^^^^^
       = the file is not valid TOML
    "#);
    insta::assert_snapshot!(safely_told("[registries.\"quay.io\"]\npassword = \"hun\"hunter2\"\n"), @r#"
    error: unexpected key or value, expected newline, `#`
      --> mirror.toml:4:12
       | password = [secret]
       |            ^^^^^^^^
       = the file is not valid TOML
    "#);
    insta::assert_snapshot!(safely_told("[registries]\n\"q\" = { a = 1, password = \"hunter2 }\n"), @r#"
    error: unclosed inline table, expected `}`
      --> mirror.toml:4:37
       | "q" = { a = 1, password = **********
       |                                     ^
       = the file is not valid TOML
    "#);
    insta::assert_snapshot!(safely_told("[registries.q]\npassword = \"\"\"\nhunter2\n"), @r#"
    error: invalid multi-line basic string, expected `"`
      --> mirror.toml:6:1
       | 
       | ^
       = the file is not valid TOML
    "#);
}

#[test]
fn a_secret_of_a_stage_that_is_unknown_is_masked() {
    insta::assert_snapshot!(safely_told("[[push]]\nuse = \"s3\"\n[nothing]\ntoken = \"hunter2\"\n"), @r#"
    error: unknown push `s3`
      --> mirror.toml:4:7
       | use = "s3"
       |       ^^^^
       = linked pushes: `oci-dir`, `registry`
    hint: a plugin in a crate of yours is linked once the crate is mentioned in code: `use the_crate as _;`

    error: unknown table `[nothing]`
      --> mirror.toml:5:2
       | [nothing]
       |  ^^^^^^^
       = known are `name`, `[run]`, `[list]`, `[[filter]]`, `[fetch]`, `[[push]]`, `[[observe]]`, `[[login]]`, `[chicken]`, `[egg]`, `[registries]`
    hint: a table that a crate of yours defines is known once the crate is mentioned: `use the_crate as _;`
    "#);
    insta::assert_snapshot!(safely_told("token = \"hunter2\"\n"), @r#"
    error: unknown field `token`, expected one of `rules`, `images`
      --> mirror.toml:3:1
       | token = [secret]
       | ^^^^^
       = in list `registry`
    hint: run `sealift explain list registry`
    "#);
}
