//! The filter keeps the rules that all filters keep.

use my_plugin as _;

use sealift_conformance::Given;

sealift_conformance::conformance!(
    filter: Given::new("[[filter]]\nuse = \"my-plugin\"\nkeep = [\"-alpine\"]\n")
);
