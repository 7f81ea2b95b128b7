//! The push keeps the rules that all pushes keep.

use example_custom_destination as _;
use sealift_testkit::conformance::Given;

sealift_testkit::conformance!(push: Given::new("[[push]]\nuse = \"archive\"\npath = \"images\"\n"));
