//! The login keeps the rules that all logins keep.

use my_plugin as _;

use sealift_conformance::Given;

const LOGIN: &str = "[[login]]\nuse = \"my-plugin\"\nhosts = [\"*.acme.example\"]\nfile = \"token\"\n";

sealift_conformance::conformance!(login: Given::new(LOGIN).file("token", "s3cret\n"));
