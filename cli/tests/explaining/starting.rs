//! `sealift new` for pipelines.

use crate::{check_accepts, printed, refused, topics};

/// The kinds of a role.
fn kinds(role: &str) -> Vec<String> {
    let of_role = |name: &str| name.strip_prefix(role)?.strip_prefix(' ').map(str::to_owned);
    topics().iter().filter_map(|topic| of_role(topic["name"].as_str()?)).collect()
}

#[test]
fn check_takes_what_is_written_for_every_combination() {
    let filters = kinds("filter");
    let mut sets = filters.clone();
    sets.extend([String::new(), filters.join(",")]);
    let mut written = Vec::new();
    for list in kinds("list") {
        for push in kinds("push") {
            for filters in &sets {
                let stages = format!("{list}/{filters}/{push}");
                let text = printed(&["new", &stages]);
                written.push((stages, text));
            }
        }
    }
    assert!(written.len() > 50);
    check_accepts(&written);
}

#[test]
fn what_is_commented_out_can_be_set() {
    let text = printed(&["new", "registry/platform,tag,newest,age/oci-dir"]);
    let set = text.lines().map(|line| match line.strip_prefix('#') {
        // Rules and platforms can be said in one of two ways only.
        Some(key)
            if !key.starts_with([' ', '#']) && !["rules", "os", "arch"].iter().any(|one| key.starts_with(one)) =>
        {
            key
        }
        _ => line,
    });
    let output = crate::sealift(&["check", "-"]).write_stdin(set.collect::<Vec<_>>().join("\n")).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(!stderr.contains("unknown") && !stderr.contains("must be"), "{stderr}");
}

#[test]
fn several_pushes_are_separated_as_filters_are() {
    let text = printed(&["new", "registry/oci-dir,harbor"]);
    assert_eq!(text.lines().filter(|line| *line == "[[push]]").count(), 2);
}

#[test]
fn a_pipeline_to_begin_with_explains_itself() {
    insta::assert_snapshot!("new_pipeline", printed(&["new", "registry/platform,tag/oci-dir"]));
}

#[test]
fn stages_that_are_not_there_are_told_all_at_once() {
    insta::assert_snapshot!("new_unknown", refused(&["new", "regstry/platform,nothing/oci_dir"]));
    insta::assert_snapshot!("new_shapeless", refused(&["new", "registry"]));
    assert!(refused(&["new", "//oci-dir"]).contains("one list, and `//oci-dir` names none"));
    assert!(refused(&["new", "registry,text//oci-dir"]).contains("names several"));
    assert!(refused(&["new", "registry/platform/"]).contains("at least one push"));
}
