//! The logins of this crate keep the rules that all logins keep.

use sealift_conformance::Given;
use sealift_login_ci as _;

#[test]
fn a_login_that_lacks_its_variable_is_told() {
    for (kind, message) in [
        ("github", "there is no token: `GITHUB_TOKEN` is not set"),
        ("gitlab", "there is no login: `CI_REGISTRY` is not set"),
    ] {
        let found = Given::new(format!("[[login]]\nuse = \"{kind}\"\n")).loaded().err().unwrap();
        assert!(found[0].to_string().contains(message), "{found:?}");
    }
}

mod github {
    use super::*;

    const LOGIN: &str = "[[login]]\nuse = \"github\"\nhosts = [\"*.acme.example\"]\ntoken = { env = \"TOKEN\" }\n";

    sealift_conformance::conformance!(login: Given::new(LOGIN).env("TOKEN", "s3cret"));
}

mod gitlab {
    use super::*;

    const LOGIN: &str = "[[login]]\nuse = \"gitlab\"\nregistry = \"registry.acme.example\"\n";

    sealift_conformance::conformance!(login: Given::new(LOGIN).env("CI_JOB_TOKEN", "s3cret"));
}
