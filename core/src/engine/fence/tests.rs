//! Tests that a fence forwards all methods of the stage behind it.

/// A method with a default that a fence does not pass on is one that no stage has any more, and no compiler says so:
/// signatures were left behind that way.
#[test]
fn a_fence_passes_on_whatever_a_stage_can_do() {
    let (stage, fence) = (include_str!("../../stage.rs"), include_str!("../fence.rs"));
    for (role, fenced) in [
        ("Filter", "Filter for Fence<dyn Filter>"),
        ("Fetch", "Fetch for Fence<dyn Fetch>"),
        ("Push", "Push for Fence<dyn Push>"),
        ("Upload", "Upload for FencedSlot"),
    ] {
        let (able, passed_on) =
            (methods(stage, &format!("pub trait {role}")), methods(fence, &format!("impl {fenced}")));
        assert!(!able.is_empty(), "{role}");
        assert_eq!(able, passed_on, "what a {role} can do, and what its fence passes on");
    }
}

/// The methods of a block, in the order of the alphabet.
fn methods<'a>(text: &'a str, block: &str) -> Vec<&'a str> {
    let (_, text) = text.split_once(block).unwrap_or_else(|| panic!("there is no `{block}`"));
    let lines = text.lines().take_while(|line| *line != "}").map(|line| line.trim_start_matches("    "));
    let mut names: Vec<_> = lines
        .filter_map(|line| line.strip_prefix("async fn ").or_else(|| line.strip_prefix("fn ")))
        .filter_map(|line| line.split(['(', '<']).next())
        .collect();
    names.sort_unstable();
    names
}
