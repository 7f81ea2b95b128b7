use std::sync::Arc;

use sealift_core::{job::Job, plugin::Purpose};

use super::*;

fn cx() -> BuildContext<'static> {
    BuildContext::new(Arc::new(|_| None), ".", Purpose::Run)
}

fn below(prefix: &str, flatten: u32) -> Config {
    Config { prefix: Some(prefix.to_owned()), flatten, ..Config::default() }
}

fn place(config: Config, source: &str, targets: &[&str]) -> Result<String, String> {
    let push = config.build(&cx()).map_err(|error| error.into_problems()[0].diagnostic.message.clone())?;
    let targets = targets.iter().map(|target| target.parse().unwrap()).collect();
    let job = Job { targets, ..Job::new(source.parse().unwrap()) };
    push.targets(&job).map(|places| places[0].to_string()).map_err(|error| error.message().to_owned())
}

fn keys(config: Config) -> Vec<String> {
    let problems = config.build(&cx()).err().map(ConfigError::into_problems).unwrap_or_default();
    problems.into_iter().filter_map(|problem| problem.key).collect()
}

#[test]
fn images_are_placed_in_a_project() {
    for (config, source, expected) in [
        (below("h.io/mirror", 0), "nginx:1", "h.io/mirror/library/nginx:1"),
        (below("h.io/mirror", 1), "nginx:1", "h.io/mirror/nginx:1"),
        (below("h.io/mirror/quay", 99), "quay.io/a/b/c/app:1", "h.io/mirror/quay/app:1"),
        (below("h.io", 0), "nginx:1", "h.io/library/nginx:1"),
    ] {
        assert_eq!(place(config, source, &[]).unwrap(), expected);
    }
    let rule = place(Config::default(), "nginx:1", &["h.io/team/nginx:1"]);
    assert_eq!(rule.unwrap(), "h.io/team/nginx:1");
}

#[test]
fn a_name_without_a_project_is_refused_before_anything_is_asked() {
    let error = place(below("h.io", 1), "nginx:1", &[]).unwrap_err();
    assert_eq!(error, "cannot push `h.io/nginx:1` to Harbor: `nginx` names no project");
    assert!(place(Config::default(), "nginx:1", &["h.io/a__b/nginx:1"]).unwrap_err().contains("cannot be a project"));
}

#[test]
fn a_label_has_a_character_and_not_too_many() {
    let labelled = |label: String| keys(Config { label: Some(label), ..below("h.io/x", 0) });
    assert_eq!(labelled(String::new()), ["label"]);
    assert_eq!(labelled("x".repeat(129)), ["label"]);
    for label in ["x".to_owned(), "x".repeat(128), "ü".repeat(128)] {
        assert!(labelled(label).is_empty());
    }
}

#[test]
fn a_severity_says_nothing_unless_pulls_are_refused() {
    let wrong = |severity, prevent_vul| {
        let project = ProjectSettings { prevent_vul, severity, ..ProjectSettings::default() };
        keys(Config { create_projects: true, project, ..below("h.io/x", 0) })
    };
    let high = Some(VulnerabilitySeverity::High);
    assert_eq!(
        (wrong(high, Some(false)), wrong(high, None)),
        (vec!["project.severity".to_owned()], vec!["project.severity".to_owned()])
    );
    assert!(wrong(high, Some(true)).is_empty() && wrong(None, Some(false)).is_empty());
}

#[test]
fn keys_that_have_no_effect_are_named_all_at_once() {
    let quota_mib = NonZero::new(5);
    let config = Config { flatten: 1, public: true, quota_mib, ..Config::default() };
    assert_eq!(keys(config), ["flatten", "public", "quota_mib"]);
    assert_eq!(keys(below("https://h.io", 0)), ["prefix"]);
    let config = Config { create_projects: true, public: true, quota_mib, ..below("h.io/x", 1) };
    assert!(keys(config).is_empty());
}

#[test]
fn members_are_those_of_created_projects() {
    let project = |members| ProjectSettings { members, ..ProjectSettings::default() };
    let of = |names: &[&str]| RoleMembers {
        admin: names.iter().map(ToString::to_string).collect(),
        ..RoleMembers::default()
    };
    let config =
        |create_projects, names: &[&str]| Config { create_projects, project: project(of(names)), ..below("h.io/x", 0) };
    assert_eq!(keys(config(false, &["ann"])), ["project"]);
    assert!(keys(config(true, &["ann"])).is_empty());
}

#[test]
fn projects_are_private_unless_somebody_says_otherwise() {
    assert_eq!(Config::default().new_project(), None);
    let create = Config { create_projects: true, quota_mib: NonZero::new(3), ..Config::default() };
    let metadata = vec![("public", "false".to_owned())];
    assert_eq!(create.new_project(), Some(NewProject { metadata, storage_limit: Some(3 << 20) }));
}

#[test]
fn the_first_push_follows_the_rules_and_others_need_a_prefix() {
    let cx = cx();
    assert!(Config::default().build(&cx).is_ok());
    assert!(Config::default().build(&cx).is_err());
    assert!(below("h.io/x", 0).build(&cx).is_ok());
}
