//! Which plugins come with the program. One that gets lost on the way to the linker is noticed here.

use sealift_core::plugin::linked;
use sealift_plugins as _;

#[test]
fn the_built_in_plugins_are_linked_and_say_what_they_are() {
    let all: Vec<String> = linked()
        .into_iter()
        .map(|plugin| format!("{} {} ({})", plugin.role(), plugin.kind(), plugin.defined_in()))
        .collect();
    for expected in ["list oci-dir (sealift_source_oci_dir)", "fetch oci-dir (sealift_source_oci_dir)"] {
        assert!(all.iter().any(|plugin| plugin == expected), "`{expected}` is missing from {all:#?}");
    }
    for plugin in linked() {
        assert!(!plugin.summary().is_empty(), "{} {}", plugin.role(), plugin.kind());
    }
}
