use std::{collections::BTreeMap, sync::Arc};

use sealift_core::{
    content::{ImageRef, Tag},
    plugin::Purpose,
};
use serde::Deserialize;

use super::*;
use crate::dialect::Dialect;

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
        sync: Option<Outcome>,
    }

    /// The pairs of a case, and the kinds of its mistakes.
    #[derive(Clone, Debug, Default, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Outcome {
        pairs: Vec<String>,
        errors: Vec<String>,
    }

    fn outcome(case: &Case, suffix: &str, dialect: Dialect) -> Outcome {
        // JSON is YAML too, so the same text goes through both readers.
        let text = serde_json::to_string(&BTreeMap::from([(&case.source, &case.dest)])).unwrap();
        let set = case.set.clone();
        let variables = Variables::new(Arc::new(move |name| set.get(name).cloned()), Purpose::Run);
        let variables = variables.in_dialect(dialect);
        let document = Document::parse(SourceText::new(&text, &format!("images.{suffix}")).unwrap(), dialect).unwrap();
        let Value::Map(entries) = &document.root.value else { panic!("{text}") };
        let (source, destination) = &entries[0];
        let CheckedEntry { rule, errors, .. } = check_rule(&document, source, destination, &variables);
        let mut errors: Vec<_> = errors.iter().map(|(error, _)| error.kind.name().to_owned()).collect();
        let mut pairs = Vec::new();
        if let Some(rule) = rule.filter(|_| errors.is_empty() || variables.forgives()) {
            let listing = rule.listing(&case.tags);
            let image = |version| ImageRef { repository: listing.repository.clone(), reference: version };
            for candidate in &listing.candidates {
                let source = image(candidate.reference.clone());
                pairs.extend(candidate.targets.iter().map(|target| format!("{source} -> {target}")));
            }
            errors.extend(rule.misfits(&case.tags).iter().map(|_| RuleErrorKind::TagCount.name().to_owned()));
        }
        Outcome { pairs, errors }
    }

    #[test]
    fn every_case_of_the_specification_comes_out_as_written() {
        let cases: Cases = serde_yaml::from_str(include_str!("../../tests/cases.yaml")).unwrap();
        assert!(cases.rules.len() >= 30);
        for case in cases.rules {
            let strict = match (&case.pairs, &case.error) {
                (Some(pairs), None) => Outcome { pairs: pairs.clone(), errors: Vec::new() },
                (None, Some(kind)) => {
                    assert!(
                        RuleErrorKind::ALL.iter().any(|known| known.name() == kind),
                        "`{kind}` is no kind of error"
                    );
                    Outcome { pairs: Vec::new(), errors: vec![kind.clone()] }
                }
                _ => panic!("`{}` has not one outcome", case.source),
            };
            let sync = case.sync.clone().unwrap_or_else(|| strict.clone());
            for (suffix, dialect, expected) in [
                ("yaml", Dialect::Strict, &strict),
                ("json", Dialect::Strict, &strict),
                ("yaml", Dialect::ImageSyncer, &sync),
                ("json", Dialect::ImageSyncer, &sync),
            ] {
                let found = outcome(&case, suffix, dialect);
                assert_eq!(found, *expected, "{} -> {} as {suffix}, {dialect:?}", case.source, case.dest);
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
            "images.yaml:7:1: the expression `/(/` cannot be compiled: a group is not closed",
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
    assert_eq!(errors[1].location.as_ref().unwrap().text, "  - \"h.io/A/b\"");
    assert_eq!(errors[1].location.as_ref().unwrap().length, 10);
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

// Seen: a file that lost its content passed every night, where image-syncer failed.
#[test]
fn in_the_dialect_of_image_syncer_an_empty_file_is_a_failure_and_one_without_rules_is_none() {
    let lenient = variables(Purpose::Run).in_dialect(Dialect::ImageSyncer);
    for text in ["", "\n", "# none yet\n", "\u{feff}\n  # none\n"] {
        let errors = rules_file(text, "images.yaml", &lenient).unwrap_err();
        assert_eq!(errors[0].message, "the file is empty: there is nothing to copy");
    }
    for text in ["{}", "---\n", "null"] {
        assert!(rules_file(text, "images.yaml", &lenient).is_ok(), "{text}");
    }
}

#[test]
fn an_image_called_auth_is_no_mistake() {
    let (rules, _) =
        rules_file("auth: h.io/auth\nimages: [h.io/images]\n", "images.yaml", &variables(Purpose::Run)).unwrap();
    assert_eq!(rules[0].from(), "docker.io/library/auth");
    assert_eq!(rules.len(), 2);
}

/// The rules and what is said of the others, in image-syncer's dialect.
fn lenient(text: &str, file: &str) -> (Vec<Rule>, Vec<Diagnostic>) {
    rules_file(text, file, &variables(Purpose::Run).in_dialect(Dialect::ImageSyncer)).unwrap()
}

// Only the name that was left of it was told: `h.io//a` is no image name.
#[test]
fn in_the_dialect_of_image_syncer_a_variable_that_is_not_set_is_named() {
    let text = "q.io/a:v1: h.io/$NOPE/a\nq.io/b:v1: $NOPE\nq.io/c:v1: ['h.io/c${NOPE}$NEITHER', h.io/C]\n";
    let (rules, found) = lenient(text, "images.yaml");
    assert_eq!(rules.iter().flat_map(Rule::to).collect::<Vec<_>>(), ["h.io/c"]);
    let said: Vec<_> = found.iter().map(|one| (one.is_error(), one.message.as_str())).collect();
    let unset = "the environment variable `NOPE` is not set, in the destination";
    assert!(said[0].0 && said[0].1.ends_with(&format!("; {unset} `h.io/$NOPE/a`")), "{said:#?}");
    assert!(said[1].0 && said[1].1.ends_with(&format!("; {unset} `$NOPE`")), "{said:#?}");
    assert!(said[2].0 && !said[2].1.contains("not set"), "{said:#?}");
    let both = "the environment variables `NOPE`, `NEITHER` are not set, in the destination `h.io/c${NOPE}$NEITHER`";
    assert_eq!(said[3], (false, both));
    assert_eq!(said.len(), 4);
}

// One typo among two hundred rules stopped the whole night.
#[test]
fn in_the_dialect_of_image_syncer_a_wrong_rule_fails_alone() {
    let text = "\
q.io/App:v1: h.io/a
q.io/app:/(/: h.io/a
q.io/app/: h.io/a
q.io/b:v1: h.io/b
q.io/c:v1: {x: y}
q.io/d:v1: ''
";
    let (rules, found) = lenient(text, "images.yaml");
    assert_eq!(rules.iter().map(Rule::from).collect::<Vec<_>>(), ["q.io/b:v1"]);
    let lines: Vec<_> = found.iter().map(|error| (error.is_error(), error.location.as_ref().unwrap().line)).collect();
    assert_eq!(lines, [1, 2, 3, 5, 6].map(|line| (true, line)), "{found:#?}");
    let checking = variables(Purpose::Check).in_dialect(Dialect::ImageSyncer);
    assert_eq!(rules_file(text, "images.yaml", &checking).unwrap_err().len(), 5);
    let (rules, found) = lenient("q.io/a:v1: h.io/A\nq.io/a:v1: h.io/a\n", "images.yaml");
    assert_eq!((rules.len(), found.len(), found[0].is_error()), (1, 1, false), "the last one counts there");
    // A file that is no file of rules is still refused as a whole.
    let strict = variables(Purpose::Run).in_dialect(Dialect::ImageSyncer);
    assert!(rules_file("q.io: {username: a}", "images.yaml", &strict).is_err());
    assert!(rules_file("[a]", "images.yaml", &strict).is_err());
    assert!(rules_file("{", "images.yaml", &strict).is_err());
}

#[test]
fn in_the_dialect_of_image_syncer_only_the_first_document_counts() {
    for (text, file) in [
        ("q.io/b:v1: h.io/b\n---\n{{ broken\n", "i.yaml"),
        ("q.io/b:v1: h.io/b\n...\nwhatever: [\n", "i.yml"),
        ("{\"q.io/b:v1\": \"h.io/b\"}\n}, trailing", "i.json"),
    ] {
        let (rules, found) = lenient(text, file);
        assert_eq!(rules.len(), 1, "{text}");
        assert!(found.len() == 1 && !found[0].is_error() && found[0].message.contains("is ignored"), "{found:?}");
        assert!(rules_file(text, file, &variables(Purpose::Run)).is_err(), "{text}");
    }
}

#[test]
fn in_the_dialect_of_image_syncer_unknown_tags_are_passed_over() {
    let text = "q.io/b:v1: !local h.io/b\nq.io/c:v1: !local [!x h.io/c, h.io/d]\nq.io/E:v1: h.io/e\n";
    let (rules, found) = lenient(text, "i.yaml");
    let all: Vec<_> = rules.iter().map(|rule| rule.to().join(" ")).collect();
    assert_eq!(all, ["h.io/b", "h.io/c h.io/d"]);
    assert_eq!(found[0].location.as_ref().unwrap().line, 3, "places stay right: {found:?}");
    assert!(rules_file(text, "i.yaml", &variables(Purpose::Run)).is_err());
}

#[test]
fn maps_are_merged_in_rules_too() {
    let (rules, _) = lenient("<<: {q.io/a:v1: h.io/a, q.io/b:v1: h.io/old}\nq.io/b:v1: h.io/b\n", "images.yaml");
    let all: Vec<_> = rules.iter().map(|rule| format!("{} {}", rule.from(), rule.to().join(" "))).collect();
    assert_eq!(all, ["q.io/a:v1 h.io/a", "q.io/b:v1 h.io/b"]);
}

#[test]
fn an_empty_destination_goes_where_the_old_flags_say() {
    let variables = variables(Purpose::Run).in_dialect(Dialect::ImageSyncer).with_empty_to(Some("h.io/team"));
    let (rules, found) = rules_file("q.io/x/app:v1: ''\nnginx: ['', k.io/n]\n", "i.yaml", &variables).unwrap();
    let all: Vec<_> = rules.iter().map(|rule| format!("{} {}", rule.from(), rule.to().join(" "))).collect();
    assert_eq!(all, ["q.io/x/app:v1 h.io/team/app", "docker.io/library/nginx h.io/team/nginx k.io/n"]);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn files_of_several_mebibytes_are_read() {
    let rule = |number: u32| format!("# {}\nquay.io/a/b{number}:v1: h.io/m/b{number}\n", "x".repeat(900));
    let text: String = (0..5_000).map(rule).collect();
    assert!(text.len() > 4 << 20);
    assert_eq!(lenient(&text, "images.yaml").0.len(), 5_000);
}
