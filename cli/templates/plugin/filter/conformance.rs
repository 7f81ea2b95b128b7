//! The filter keeps the rules that all filters keep.

use my_plugin as _;

use sealift_testkit::conformance::Given;

sealift_testkit::conformance!(
    filter: Given::new("[[filter]]\nuse = \"my-plugin\"\nkeep = [\"-alpine\"]\n")
);
