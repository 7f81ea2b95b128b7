//! The login keeps the rules that all logins keep.

use my_plugin as _;

use sealift_conformance::Given;

const LOGIN: &str = r#"
[[login]]
use = "my-plugin"
hosts = ["*.acme.example"]
file = "token"
"#;

sealift_conformance::conformance!(login: Given::new(LOGIN).file("token", "s3cret\n"));
