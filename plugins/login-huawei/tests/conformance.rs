//! The login of this crate keeps the rules that all logins keep.

use sealift_conformance::Given;
use sealift_login_huawei as _;

const LOGIN: &str = "[[login]]\nuse = \"huawei\"\nhosts = [\"*.acme.example\"]\nregion = \"cn-north-4\"\n\
                     access_key = \"id\"\nsecret_key = { env = \"SECRET\" }\n";

sealift_conformance::conformance!(login: Given::new(LOGIN).env("SECRET", "secret"));
