use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use sealift_core::{diagnostic::Diagnostic, plugin::Purpose};
use serde::Deserialize;

use super::*;
use crate::variables::Variables;

fn variables(set: &[(&str, &str)], purpose: Purpose) -> Variables {
    let set: HashMap<String, String> = set.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    Variables::new(Arc::new(move |name| set.get(name).cloned()), purpose)
}

fn read(text: &str, file: &str) -> Result<AuthFile, Vec<Diagnostic>> {
    let set = [("REG_PW", "s3cret")];
    auth_file(text, file, &variables(&set, Purpose::Run)).map(|(auth, _)| auth)
}

/// The complaints about a text, in one line each.
fn complaints(text: &str, file: &str) -> Vec<String> {
    read(text, file).unwrap_err().iter().map(ToString::to_string).collect()
}

/// Every case of the specification, with its exact outcome.
mod cases {
    use super::*;

    #[derive(Deserialize)]
    struct Cases {
        auth: Vec<Lookup>,
        environment: Vec<Value>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Lookup {
        keys: Vec<String>,
        ask: Repository,
        uses: Option<String>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Value {
        value: String,
        set: BTreeMap<String, String>,
        becomes: Option<String>,
        error: Option<String>,
    }

    fn cases() -> Cases {
        serde_yaml::from_str(include_str!("../../tests/cases.yaml")).unwrap()
    }

    #[test]
    fn the_login_of_the_longest_key_is_used() {
        for case in cases().auth {
            let text: String =
                case.keys.iter().map(|key| format!("{key}: {{username: u, password: p, insecure: false}}\n")).collect();
            let auth = read(&text, "auth.yaml").unwrap();
            let used = auth.login_for(&case.ask).map(|login| login.key.clone());
            assert_eq!(used, case.uses, "{:?} for {}", case.keys, case.ask);
        }
    }

    #[test]
    fn variables_are_replaced_as_the_specification_says() {
        for case in cases().environment {
            let set = case.set.clone();
            let variables = Variables::new(Arc::new(move |name| set.get(name).cloned()), Purpose::Run);
            for field in ["username", "password"] {
                let text = serde_json::to_string(&HashMap::from([("quay.io", HashMap::from([(field, &case.value)]))]));
                let read = auth_file(&text.unwrap(), "auth.json", &variables);
                match (&case.becomes, &case.error) {
                    (Some(becomes), None) => {
                        let (auth, _) = read.unwrap();
                        let login = auth.logins().next().unwrap();
                        let found = if field == "username" { &login.username } else { &login.password };
                        assert_eq!(found.as_ref().unwrap().expose(), becomes, "{}", case.value);
                    }
                    (None, Some(name)) => {
                        let errors = read.unwrap_err();
                        assert_eq!(errors.len(), 1, "{errors:?}");
                        assert!(errors[0].message.contains(&format!("`{name}`")), "{}", errors[0]);
                        assert!(errors[0].message.contains("`quay.io`"), "{}", errors[0]);
                    }
                    _ => panic!("`{}` has not one outcome", case.value),
                }
            }
        }
    }
}

#[test]
fn everything_that_is_wrong_is_said_at_once_with_its_place() {
    let text = "\
quay.io:
  user: ci
  pasword: hunter2
ghcr.io: hunter2
'https://h.io': {username: u}
quay.io: {insecure: maybe, password: [hunter2]}
h.io/${X}: {}
";
    assert_eq!(
        complaints(text, "auth.yaml"),
        [
            "auth.yaml:2:3: unknown key `user`, expected `username`, `password` or `insecure`",
            "auth.yaml:3:3: unknown key `pasword`, expected `username`, `password` or `insecure`",
            "auth.yaml:4:10: expected `username` and `password` for `ghcr.io`, found a text",
            "auth.yaml:5:1: `https://h.io` is neither a registry nor a registry with a namespace",
            "auth.yaml:6:1: `quay.io` stands here twice, first in line 1",
            "auth.yaml:7:1: `h.io/${X}` is neither a registry nor a registry with a namespace",
        ]
    );
}
