//! The observer keeps the rules that all observers keep.

use my_plugin as _;

use sealift_conformance::Given;

sealift_conformance::conformance!(
    observe: Given::new("[[observe]]\nuse = \"my-plugin\"\npath = \"images.log\"\n")
);
