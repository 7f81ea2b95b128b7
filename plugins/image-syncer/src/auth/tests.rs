use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use sealift_core::{diagnostic::Diagnostic, plugin::Purpose, secret::Secret};
use serde::Deserialize;

use super::*;
use crate::{dialect::Dialect, variables::Variables};

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
        sync: Option<Sync>,
    }

    /// What a value becomes in image-syncer's dialect.
    #[derive(Clone, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sync {
        becomes: String,
        unset: Option<String>,
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

    #[test]
    fn in_the_dialect_of_image_syncer_variables_are_replaced_as_the_specification_says() {
        for case in cases().environment {
            let set = case.set.clone();
            let variables = Variables::new(Arc::new(move |name| set.get(name).cloned()), Purpose::Run);
            let variables = variables.in_dialect(Dialect::ImageSyncer);
            let text = serde_json::to_string(&HashMap::from([("quay.io", HashMap::from([("password", &case.value)]))]));
            let (auth, warnings) = auth_file(&text.unwrap(), "auth.json", &variables).unwrap();
            let (becomes, unset) = match (&case.sync, &case.becomes) {
                (Some(sync), _) => (sync.becomes.clone(), sync.unset.clone()),
                (None, Some(becomes)) => (becomes.clone(), None),
                _ => panic!("`{}` has no outcome", case.value),
            };
            let found = auth.logins().next().unwrap().password.as_ref().map_or("", |password| password.expose());
            assert_eq!(found, becomes, "{}", case.value);
            let named: Vec<_> = warnings.iter().map(|warning| warning.message.clone()).collect();
            assert_eq!(named.len(), usize::from(unset.is_some()), "{named:?}");
            assert!(unset.is_none_or(|name| named[0].contains(&format!("`{name}`"))), "{named:?}");
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
            "auth.yaml:6:1: `quay.io` is there twice, first in line 1",
            "auth.yaml:6:21: expected `true` or `false` for `insecure`, found a text",
            "auth.yaml:6:38: expected a text for `password`, found a list",
            "auth.yaml:7:1: `h.io/${X}` is neither a registry nor a registry with a namespace",
        ]
    );
}

#[test]
fn a_key_that_stands_twice_is_an_error_at_every_level() {
    let text = r#"{
  "quay.io": {"username": "a", "username": "b"},
  "quay.io": {"password": 7, "password": {}}
}"#;
    assert_eq!(
        complaints(text, "auth.json"),
        [
            "auth.json:2:32: `username` is there twice, first in line 2",
            "auth.json:3:3: `quay.io` is there twice, first in line 2",
            "auth.json:3:30: `password` is there twice, first in line 3",
            "auth.json:3:42: expected a text for `password`, found a map",
        ]
    );
}

#[test]
fn no_complaint_shows_a_password() {
    for (text, file) in [
        ("quay.io: {username: u, password: hunter2, unknown: hunter2}", "auth.yaml"),
        ("quay.io:\n  pasword: hunter2 # hunter2", "auth.yaml"),
        ("quay.io:\n  password: |\n    hunter2\n  unknown: x", "auth.yaml"),
        ("quay.io:\n  password: [hunter2, *no]", "auth.yaml"),
        ("quay.io:\n  password: {hunter2: hunter2}", "auth.yaml"),
        ("quay.io:\n  password: &a hunter2\n  nope: *a", "auth.yaml"),
        ("quay.io:\n  password: a${hunter2!}", "auth.yaml"),
        ("quay.io:\n  password: !!int hunter2", "auth.yaml"),
        ("quay.io:\n  password: !secret hunter2", "auth.yaml"),
        ("quay.io: hunter2", "auth.yaml"),
        ("[hunter2]", "auth.yaml"),
        ("hunter2", "auth.yaml"),
        ("quay.io:\n  password: 'hunter2", "auth.yaml"),
        ("password: hunter2: hunter2", "auth.yaml"),
        (r#"{"quay.io": {"password": "hunter2", "x": 1}}"#, "auth.json"),
        (r#"{"quay.io": {"password": "hunter2" "x": 1}}"#, "auth.json"),
        (r#"{"quay.io": {"password": "hunter2\ud800"}}"#, "auth.json"),
        (r#"{"quay.io": {"password": ["hunter2"]}}"#, "auth.json"),
    ] {
        let errors = read(text, file).unwrap_err();
        assert!(!format!("{errors:?}").contains("hunter2"), "{text}: {errors:#?}");
    }
}

#[test]
fn keys_stay_readable_around_what_is_hidden() {
    let errors = read("quay.io: {password: hunter2, insecure: 3}\n", "auth.yaml").unwrap_err();
    let place = errors[0].location.as_ref().unwrap();
    assert_eq!(place.text, "quay.io: *password: ******** insecure: 3*");
    assert_eq!((place.column, place.length), (40, 1));
}

#[test]
fn numbers_are_taken_as_they_are_written() {
    let auth = read("quay.io: {username: 1.10, password: 0012e3}", "auth.yml").unwrap();
    let login = auth.logins().next().unwrap();
    assert_eq!(login.username.as_ref().unwrap().expose(), "1.10");
    assert_eq!(login.password.as_ref().unwrap().expose(), "0012e3");
}

#[test]
fn what_is_not_given_is_not_sent() {
    let auth = read("a.io:\nb.io: {}\nc.io: {username: '', password: ~, insecure: yes}\n", "auth.yaml").unwrap();
    let logins: Vec<_> = auth.logins().collect();
    assert!(logins.iter().all(|login| login.username.is_none() && login.password.is_none()));
    assert_eq!(logins.iter().map(|login| login.insecure).collect::<Vec<_>>(), [false, false, true]);
    assert!(read("", "auth.yaml").unwrap().logins().next().is_none());
}

#[test]
fn checking_only_warns_of_a_variable_that_is_not_set() {
    let text = "quay.io:\n  username: bot\n  password: $MISSING\n";
    let (auth, warnings) = auth_file(text, "auth.yaml", &variables(&[], Purpose::Check)).unwrap();
    assert_eq!(auth.logins().next().unwrap().password, None);
    let said: Vec<_> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(said, ["auth.yaml:3:13: the environment variable `MISSING` is not set, in `password` of `quay.io`"]);
}

#[test]
fn a_namespace_of_docker_hub_is_no_official_image() {
    let auth = read("docker.io/bitnami: {}\ndocker.io/library: {}\n", "auth.yaml").unwrap();
    let used = |name: &str| auth.login_for(&name.parse().unwrap()).map(|login| login.key.as_str());
    assert_eq!(used("bitnami/redis"), Some("docker.io/bitnami"));
    assert_eq!(used("nginx"), Some("docker.io/library"));
    assert_eq!(used("other/redis"), None);
    assert_eq!(used("quay.io/bitnami/redis"), None);
}

#[test]
fn of_two_other_names_of_docker_hub_the_first_counts() {
    for [first, second] in [["index.docker.io", "registry-1.docker.io"], ["registry-1.docker.io", "index.docker.io"]] {
        let auth = read(&format!("{first}: {{}}\n{second}: {{}}\n"), "auth.yaml").unwrap();
        let used = auth.login_for(&"nginx".parse().unwrap()).map(|login| login.key.as_str());
        assert_eq!(used, Some(first));
    }
}

#[test]
fn a_file_of_another_kind_is_recognised() {
    let errors = read("auth: {quay.io: {}}\nimages: {a/b: c/d}\n", "config.yaml").unwrap_err();
    assert_eq!(errors.len(), 1);
    assert!(errors[0].hint.as_ref().unwrap().contains("--config"));
}

/// The same as [`read`] in image-syncer's dialect; with the warnings.
fn lenient(text: &str, file: &str) -> (AuthFile, Vec<String>) {
    let variables = variables(&[("REG_PW", "s3cret")], Purpose::Run).in_dialect(Dialect::ImageSyncer);
    let (auth, warnings) = auth_file(text, file, &variables).unwrap();
    assert!(warnings.iter().all(|warning| !warning.is_error()), "{warnings:?}");
    (auth, warnings.iter().map(ToString::to_string).collect())
}

// One such entry stopped the whole run, though no rule needed it.
#[test]
fn in_the_dialect_of_image_syncer_a_wrong_entry_costs_only_itself() {
    let text = "\
good.io: {username: u, password: p}
https://index.docker.io/v1/: {username: u, password: p}
'*.example.com': {username: u, password: p}
h.io/Team: {username: u, password: p}
mail.io: {username: u, password: p, email: a@b}
unset.io: {username: '${OTHER}', password: p}
text.io: hunter2
'': {}
last.io: {username: one, password: p}
last.io: {username: two, password: p}
";
    let (auth, warnings) = lenient(text, "auth.yaml");
    let lines: Vec<_> = warnings.iter().map(|warning| warning.split(':').nth(1).unwrap().to_owned()).collect();
    assert_eq!(lines, ["2", "3", "4", "5", "6", "7", "8", "10"], "{warnings:#?}");
    let left_out: Vec<_> = warnings.iter().map(|warning| warning.ends_with(", so this login is left out")).collect();
    assert_eq!(left_out, [true, true, true, false, true, true, true, false], "{warnings:#?}");
    let username = |name: &str| {
        let login = auth.login_for(&name.parse().unwrap())?;
        login.username.as_ref().map(|username| username.expose().to_owned())
    };
    assert_eq!(username("good.io/a").as_deref(), Some("u"));
    assert_eq!(username("mail.io/a").as_deref(), Some("u"), "what is known of an entry is used");
    assert_eq!(username("last.io/a").as_deref(), Some("two"), "the last one counts, as in image-syncer");
    assert_eq!(username("unset.io/a"), None);
    // While only checking, each of them is still an error.
    let checking = variables(&[], Purpose::Check).in_dialect(Dialect::ImageSyncer);
    assert!(auth_file(text, "auth.yaml", &checking).is_err());
}

#[test]
fn in_the_dialect_of_image_syncer_names_in_json_are_taken_in_any_case() {
    let text = r#"{"h.io": {"Username": "u", "PASSWORD": "p", "inSecure": true}} and text behind it"#;
    let (auth, warnings) = lenient(text, "auth.json");
    let login = auth.logins().next().unwrap();
    assert_eq!((login.username.as_ref().unwrap().expose(), login.insecure), ("u", true));
    assert_eq!(warnings, ["auth.json:1:64: what begins here is ignored: the file has an end before it"]);
    // YAML tells them apart there, too.
    assert_eq!(lenient("h.io: {Username: u}", "auth.yaml").1.len(), 1);
    assert!(read(text, "auth.json").is_err() && read("h.io: {Username: u}", "auth.yaml").is_err());
}

#[test]
fn in_the_dialect_of_image_syncer_a_bare_word_is_a_part_of_docker_hub() {
    let (auth, _) = lenient("bitnami: {}\nlibrary: {}\nlocalhost: {}\n", "auth.yaml");
    let used = |name: &str| auth.login_for(&name.parse().unwrap()).map(|login| login.key.as_str());
    assert_eq!(used("bitnami/redis"), Some("bitnami"));
    assert_eq!(used("nginx"), Some("library"));
    assert_eq!(used("localhost/nginx"), Some("localhost"));
}

#[test]
fn maps_are_merged() {
    let text = "\
x.io: &d {username: alice, password: p, insecure: true}
y.io: &e {insecure: false, password: q}
a.io:
  <<: *d
  username: bob
b.io: {username: carol, <<: [*e, *d]}
c.io: {'<<': *d}
";
    for auth in [lenient(text, "auth.yaml").0, read(&text[..text.find("c.io").unwrap()], "auth.yaml").unwrap()] {
        let shown = |key: &str| {
            let login = auth.logins().find(|login| login.key == key)?;
            let expose = |secret: &Option<Secret>| secret.as_ref().map_or("", |secret| secret.expose()).to_owned();
            Some((expose(&login.username), expose(&login.password), login.insecure))
        };
        assert_eq!(shown("a.io"), Some(("bob".to_owned(), "p".to_owned(), true)));
        assert_eq!(shown("b.io"), Some(("carol".to_owned(), "q".to_owned(), false)), "the first one counts");
    }
    assert!(read(text, "auth.yaml").unwrap_err()[0].message.contains("unknown key `<<`"), "a quoted one is a text");
    assert!(read("a.io: {<<: 7}", "auth.yaml").unwrap_err()[0].message.contains("unknown key `<<`"));
}
