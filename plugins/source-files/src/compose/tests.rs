use std::{fs, sync::Arc};

use super::*;

/// Builds a list from these files; what is in it, or what is wrong, and the warnings.
struct Given {
    base: tempfile::TempDir,
    files: Vec<String>,
    env_file: Option<String>,
    purpose: Purpose,
}

fn given(files: &[(&str, &str)]) -> Given {
    let base = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = base.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    Given { base, files: vec!["compose.yaml".to_owned()], env_file: None, purpose: Purpose::Run }
}

impl Given {
    fn build(self) -> (Result<Vec<String>, Vec<String>>, Vec<String>) {
        let environment = |name: &str| (name == "FROM_ENV").then(|| "env".to_owned());
        let cx = BuildContext::new(Arc::new(environment), self.base.path(), self.purpose);
        let inputs = input::read(&self.files, compose_files_in, &cx).ok().unwrap();
        let given = self.env_file.map(|name| dotenv::read(&cx.path(&name), &name, &|name| cx.env(name)).unwrap());
        let mut project = ComposeProject::new(&cx);
        inputs.iter().for_each(|input| project.read(input, given.as_ref()));
        let errors: Vec<String> = project.errors.iter().map(ToString::to_string).collect();
        let line = |(name, image): &(String, Option<Mention>)| {
            format!("{name} {}", image.as_ref().map_or_else(|| "-".to_owned(), |mention| mention.image.to_string()))
        };
        let services = project.services.iter().map(line).collect();
        let _ = project.finish();
        let warnings = cx.take_warnings().iter().map(|problem| problem.diagnostic.to_string()).collect();
        (if errors.is_empty() { Ok(services) } else { Err(errors) }, warnings)
    }
}

#[test]
fn every_service_with_an_image_counts() {
    let text = "services:\n  web:\n    image: nginx:1.27\n    profiles: [debug]\n  db: {image: \"postgres:16\"}\n  api: {build: .}\n";
    let (services, warnings) = given(&[("compose.yaml", text)]).build();
    assert_eq!(services.unwrap(), ["web docker.io/library/nginx:1.27", "db docker.io/library/postgres:16", "api -"]);
    assert_eq!(warnings, ["there is no `image` for `api`, so nothing is copied for that"]);
}

#[test]
fn variables_come_from_the_environment_then_from_the_file_beside_it() {
    let text = "services:\n  a: {image: \"a:${FROM_ENV}\"}\n  b: {image: \"b:$TAG\"}\n  c: {image: 'c:${NONE:-x}'}\n";
    let files = [("compose.yaml", text), (".env", "FROM_ENV=file\nTAG=1.0\n")];
    let expected = ["a docker.io/library/a:env", "b docker.io/library/b:1.0", "c docker.io/library/c:x"];
    assert_eq!(given(&files).build().0.unwrap(), expected);
    let files = [("sub/compose.yaml", text), ("sub/.env", "TAG=1.0\n"), (".env", "TAG=other\n")];
    let in_sub = Given { files: vec!["sub".to_owned()], ..given(&files) };
    assert_eq!(in_sub.build().0.unwrap(), expected);
    let files = [("compose.yaml", text), (".env", "TAG=other\n"), ("prod.env", "TAG=1.0\n")];
    let named = Given { env_file: Some("prod.env".to_owned()), ..given(&files) };
    assert_eq!(named.build().0.unwrap(), expected);
}

const UNSET: &str = "services:\n  a:\n    image: a:${NONE}\n  b:\n    image: b:${TAG:?which one}\n";

#[test]
fn a_variable_that_is_not_set_is_an_error_where_the_pipeline_runs() {
    let (services, warnings) = given(&[("compose.yaml", UNSET)]).build();
    let expected = [
        "compose.yaml:3:12: the variable `NONE` is not set",
        "compose.yaml:5:12: the variable `TAG` is required: which one",
    ];
    assert_eq!((services.unwrap_err(), warnings), (expected.map(str::to_owned).to_vec(), Vec::new()));
    let checked = Given { purpose: Purpose::Check, ..given(&[("compose.yaml", UNSET)]) };
    let (services, warnings) = checked.build();
    assert_eq!(
        (services.unwrap(), warnings),
        (vec!["a -".to_owned(), "b -".to_owned()], expected.map(str::to_owned).to_vec())
    );
}

#[test]
fn what_a_variable_makes_of_a_name_is_shown() {
    let (services, _) = given(&[("compose.yaml", "services: {a: {image: 'a:${FROM_ENV}!'}}\n")]).build();
    let expected = "compose.yaml:1:23: `a:${FROM_ENV}!` is `a:env!` here: `env!` is not a tag: up to 128 letters, digits, `_`, `.` and `-`, not starting with `.` or `-`";
    assert_eq!(services.unwrap_err(), [expected]);
}

#[test]
fn a_later_file_may_give_a_service_another_image_or_none() {
    let main = "services:\n  a: {image: a:1}\n  b: {image: b:1}\n  c: {image: c:1}\n";
    let over = "services:\n  b: {image: b:2}\n  c: {image: !reset null}\n  d: {image: d:1}\n";
    let expected = ["a docker.io/library/a:1", "b docker.io/library/b:2", "c -", "d docker.io/library/d:1"];
    let files = [("docker-compose.yml", main), ("docker-compose.override.yml", over)];
    let directory = Given { files: vec![".".to_owned()], ..given(&files) };
    assert_eq!(directory.build().0.unwrap(), expected);
    let files = [("a.yaml", main), ("b.yaml", over)];
    let named = Given { files: vec!["a.yaml".to_owned(), "b.yaml".to_owned()], ..given(&files) };
    assert_eq!(named.build().0.unwrap(), expected);
}

#[test]
fn services_may_be_made_of_others_in_the_same_file() {
    let text = "x-base: &base\n  image: a:1\nservices:\n  one: *base\n  two:\n    <<: *base\n    restart: always\n  three:\n    extends: {service: one}\n";
    let (services, warnings) = given(&[("compose.yaml", text)]).build();
    assert_eq!(services.unwrap(), ["one docker.io/library/a:1", "two docker.io/library/a:1"]);
    assert_eq!(warnings.len(), 1, "the image is copied once: {warnings:?}");
}

#[test]
fn what_is_not_followed_is_said() {
    let text = "include: [other.yaml]\nservices:\n  a:\n    extends: {file: base.yaml, service: b}\n    image: a:1\n";
    let (_, warnings) = given(&[("compose.yaml", text)]).build();
    assert_eq!(
        warnings,
        [
            "compose.yaml:1:10: `include` is not followed",
            "compose.yaml:4:21: what `a` extends in another file is not followed"
        ]
    );
}

#[test]
fn a_file_that_is_no_compose_file_is_an_error() {
    let errors = |text: &str| given(&[("compose.yaml", text)]).build().0.unwrap_err();
    assert_eq!(errors("web: {image: a}\n"), ["compose.yaml:1:1: this Compose file has no `services`"]);
    assert_eq!(errors("services: [a]\n"), ["compose.yaml:1:11: expected services by name, found a list"]);
    assert_eq!(
        errors("services: {a: {image: [b]}}\n"),
        ["compose.yaml:1:23: expected the name of an image, found a list"]
    );
    assert_eq!(errors("services: {a\n").len(), 1);
}

// A file of 1 KB with thirty levels took for ever.
#[test]
fn merge_keys_in_merge_keys_take_no_time() {
    let mut text = "b0: &b0 {a: 1}\n".to_owned();
    for level in 1..30 {
        let below = format!("*b{}", level - 1);
        text += &format!("b{level}: &b{level} {{<<: [{below},{below},{below},{below}]}}\n");
    }
    text += "services: {a: {<<: *b29, image: x:1}}\n";
    let (services, _) = given(&[("compose.yaml", &text)]).build();
    assert_eq!(services.unwrap(), ["a docker.io/library/x:1"]);
}

// Forty lines took all memory.
#[test]
fn values_that_double_each_other_are_refused() {
    let doubling: String = (1..40).map(|at| format!("A{at}=$A{0}$A{0}\n", at - 1)).collect();
    let env = format!("A0=xx\n{doubling}");
    let (services, _) = given(&[("compose.yaml", "services: {a: {image: $A39}}\n"), (".env", &env)]).build();
    let errors = services.unwrap_err();
    assert!(errors[0].contains("`A16`: with its variables replaced it is longer than 64 KiB"), "{errors:?}");
}

#[test]
fn a_file_of_another_kind_is_one_error() {
    let pod = "kind: Pod\nspec:\n  containers:\n    - image: nginx:1\n---\nkind: Pod\n";
    let (errors, _) = given(&[("compose.yaml", pod)]).build();
    assert_eq!(
        errors.err().unwrap(),
        ["compose.yaml:1:1: these are manifests of Kubernetes, and services of Compose are expected"]
    );
}
