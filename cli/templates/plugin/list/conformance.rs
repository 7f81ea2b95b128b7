//! The list keeps the rules that all lists keep. The suite wants one that finds three repositories.

use my_plugin as _;

use sealift_conformance::Given;

sealift_conformance::conformance!(
    list: Given::new(
        "[list]\nuse = \"my-plugin\"\nimages = [\"a.io/a:v1\", \"a.io/b:v1\", \"a.io/c:v1\", \"a.io/a:v2\"]\n"
    )
);
