//! The push keeps the rules that all pushes keep.

use example_custom_destination as _;
use sealift_conformance::Given;

sealift_conformance::conformance!(push: Given::new("[[push]]\nuse = \"archive\"\npath = \"images\"\n"));
