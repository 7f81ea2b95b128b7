//! The push keeps the rules that all pushes keep. With a fetch that reads the same directory it would
//! be read back, too: `.other_end("[fetch]…")`.

use my_plugin as _;

use sealift_conformance::Given;

sealift_conformance::conformance!(
    push: Given::new("[[push]]\nuse = \"my-plugin\"\npath = \"store\"\n")
);
