use std::{collections::BTreeMap, sync::Arc};

use sealift_core::{
    content::{ImageRef, Tag},
    plugin::Purpose,
};
use serde::Deserialize;

use super::*;

/// Every case of the specification, with its exact outcome.
mod cases {
    use super::*;

    #[derive(Deserialize)]
    struct Cases {
        rules: Vec<Case>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Case {
        source: String,
        dest: serde_json::Value,
        #[serde(default)]
        tags: Vec<Tag>,
        #[serde(default)]
        set: BTreeMap<String, String>,
        pairs: Option<Vec<String>>,
        error: Option<String>,
    }

    /// What a case comes to: its pairs, or the kinds of its mistakes.
    fn outcome(case: &Case, suffix: &str) -> Result<Vec<String>, Vec<&'static str>> {
        // JSON is YAML too, so the same text goes through both readers.
        let text = serde_json::to_string(&BTreeMap::from([(&case.source, &case.dest)])).unwrap();
        let set = case.set.clone();
        let variables = Variables::new(Arc::new(move |name| set.get(name).cloned()), Purpose::Run);
        let document = Document::parse(Text::new(&text, &format!("images.{suffix}")).unwrap()).unwrap();
        let Value::Map(entries) = &document.root.value else { panic!("{text}") };
        let (source, destination) = &entries[0];
        match check_rule(&document, source, destination, &variables) {
            Ok((rule, _)) => {
                let listing = rule.listing(&case.tags);
                let image = |version| ImageRef { repository: listing.repository.clone(), version };
                let pairs = listing.candidates.iter().flat_map(|candidate| {
                    let source = image(candidate.version.clone());
                    candidate.targets.iter().map(move |target| format!("{source} -> {target}"))
                });
                Ok(pairs.collect())
            }
            Err(errors) => Err(errors.iter().map(|(error, _)| error.kind.name()).collect()),
        }
    }

    #[test]
    fn every_case_of_the_specification_comes_out_as_written() {
        let cases: Cases = serde_yaml::from_str(include_str!("../../tests/cases.yaml")).unwrap();
        assert!(cases.rules.len() >= 30);
        for case in cases.rules {
            for suffix in ["yaml", "json"] {
                let expected = match (&case.pairs, &case.error) {
                    (Some(pairs), None) => Ok(pairs.clone()),
                    (None, Some(kind)) => {
                        let known = RuleErrorKind::ALL.iter().map(|kind| kind.name()).find(|name| name == kind);
                        Err(vec![known.unwrap_or_else(|| panic!("`{kind}` is no kind of error"))])
                    }
                    _ => panic!("`{}` has not one outcome", case.source),
                };
                assert_eq!(outcome(&case, suffix), expected, "{} -> {} as {suffix}", case.source, case.dest);
            }
        }
    }
}

fn variables(purpose: Purpose) -> Variables {
    Variables::new(Arc::new(|name| (name == "NS").then(|| "team".to_owned())), purpose)
}

fn said(diagnostics: &[Diagnostic]) -> Vec<String> {
    diagnostics.iter().map(ToString::to_string).collect()
}

fn errors(text: &str, file: &str) -> Vec<Diagnostic> {
    rules_file(text, file, &variables(Purpose::Run)).unwrap_err()
}

#[test]
fn everything_that_is_wrong_is_said_at_once_with_its_place() {
    let text = "\
# our mirror
quay.io/a/b:v1,v2:
  - h.io/a/b:x
  - \"h.io/A/b\"
  - 7
  - {x: y}
quay.io/c/d:/(/: 'h.io/${NO}/d'
'': ''
[1]: h.io/x
quay.io/e/f@sha256:1,sha256:2: h.io/e/f:/x/
https://quay.io/g/h:
";
    let errors = errors(text, "images.yaml");
    assert_eq!(
        said(&errors),
        [
            "images.yaml:3:5: the destination `h.io/a/b:x` has 1 tag and the source has 2 tags: they must be as many",
            "images.yaml:4:5: the destination `h.io/A/b` is no image name: `A/b` is not a repository path: \
             lower-case letters, digits and single separators `.` `_` `-` only",
            "images.yaml:5:5: expected a destination or a list of them, found a number",
            "images.yaml:6:5: expected a destination or a list of them, found a map",
            "images.yaml:7:1: the expression `/(/` cannot be compiled: unclosed group",
            "images.yaml:7:18: the environment variable `NO` is not set, in the destination `h.io/${NO}/d`",
            "images.yaml:8:1: the source is empty",
            "images.yaml:8:5: the destination is empty",
            "images.yaml:9:1: expected a source as key, found a list",
            "images.yaml:10:1: `quay.io/e/f@sha256:1,sha256:2` has several digests, at most one is possible",
            "images.yaml:10:32: the destination `h.io/e/f:/x/` has an expression, only a source can have one",
            "images.yaml:11:1: the source `https://quay.io/g/h` has a scheme",
            "images.yaml:11:21: the rule has no destination",
        ]
    );
    assert_eq!(errors[1].notes, ["in the rule `quay.io/a/b:v1,v2`"]);
    assert_eq!(errors[1].place.as_ref().unwrap().text, "  - \"h.io/A/b\"");
    assert_eq!(errors[1].place.as_ref().unwrap().length, 10);
    assert_eq!(errors[11].hint.as_deref(), Some("write it without: `quay.io/team/app`"));
}

#[test]
fn a_source_that_stands_twice_runs_twice() {
    for (text, file) in
        [("a/b: h.io/a\na/b: h.io/b\n", "images.yaml"), ("{\"a/b\": \"h.io/a\",\n \"a/b\": \"h.io/b\"}", "images.json")]
    {
        let (rules, warnings) = rules_file(text, file, &variables(Purpose::Run)).unwrap();
        let found: Vec<_> = rules.iter().map(|rule| (rule.label.to_string(), rule.from(), rule.to())).collect();
        let expected =
            |line: usize, to: &str| (format!("{file}:{line}"), "docker.io/a/b".to_owned(), vec![to.to_owned()]);
        assert_eq!(found, [expected(1, "h.io/a"), expected(2, "h.io/b")]);
        assert_eq!(warnings, []);
    }
}

#[test]
fn a_destination_without_a_registry_gets_a_warning() {
    let text = "quay.io/a/b: [team/b, docker.io/team/b, localhost/b, index.docker.io/x, nginx]\n";
    let (rules, warnings) = rules_file(text, "images.yaml", &variables(Purpose::Run)).unwrap();
    assert_eq!(rules[0].to()[0], "docker.io/team/b");
    assert_eq!(
        said(&warnings),
        [
            "images.yaml:1:15: the destination `team/b` names no registry, so it is at Docker Hub: `docker.io/team/b`",
            "images.yaml:1:73: the destination `nginx` names no registry, so it is at Docker Hub: \
             `docker.io/library/nginx`",
        ]
    );
}

#[test]
fn checking_only_warns_of_a_variable_that_is_not_set() {
    let text = "quay.io/a/b:v1: [\"h.io/${NO}/b:${TAGS}\", \"h.io/${NS}/b\", \"h.io/${}/c\"]\n";
    let found = rules_file(text, "images.yaml", &variables(Purpose::Check)).unwrap_err();
    assert_eq!(
        said(&found),
        ["images.yaml:1:58: `${}` does not name an environment variable, in the destination `h.io/${}/c`"]
    );
    let text = text.replace("${}", "c");
    let (rules, warnings) = rules_file(&text, "images.yaml", &variables(Purpose::Check)).unwrap();
    assert_eq!(rules[0].to(), ["h.io/team/b", "h.io/c/c"]);
    assert_eq!(
        said(&warnings),
        [
            "images.yaml:1:18: the environment variable `NO` is not set, in the destination `h.io/${NO}/b:${TAGS}`",
            "images.yaml:1:18: the environment variable `TAGS` is not set, in the destination `h.io/${NO}/b:${TAGS}`",
        ]
    );
}

#[test]
fn files_of_another_kind_are_recognised_and_show_no_password() {
    let login = errors("quay.io: {username: u, password: hunter2}\nh.io: {x: hunter2}\n", "auth.yaml");
    assert_eq!(said(&login), ["auth.yaml:1:1: this is not a file of rules: it holds logins"]);
    assert!(!format!("{login:?}").contains("hunter2"));
    let broken = errors("quay.io: {username: u, password: hunter2\n", "auth.yaml");
    assert!(!format!("{broken:?}").contains("hunter2"));

    let both = errors("auth: {}\nimages: {a/b: h.io/b}\n", "config.yaml");
    assert_eq!(both.len(), 1);
    assert!(both[0].hint.as_ref().unwrap().contains("--config"));
    for text in ["[a, b]", "a/b", "7"] {
        assert!(errors(text, "images.yaml")[0].message.starts_with("expected a map from source to destination"));
    }
}

#[test]
fn a_file_without_rules_gets_a_warning() {
    for (text, file) in [("", "images.yaml"), ("# none yet\n", "images.yml"), ("{}", "images.json")] {
        let (rules, warnings) = rules_file(text, file, &variables(Purpose::Run)).unwrap();
        assert!(rules.is_empty());
        assert_eq!(warnings[0].message, "there are no rules: nothing will be copied");
    }
}

#[test]
fn an_image_called_auth_is_no_mistake() {
    let (rules, _) =
        rules_file("auth: h.io/auth\nimages: [h.io/images]\n", "images.yaml", &variables(Purpose::Run)).unwrap();
    assert_eq!(rules[0].from(), "docker.io/library/auth");
    assert_eq!(rules.len(), 2);
}
