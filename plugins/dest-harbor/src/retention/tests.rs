use serde_json::{Value, json};

use super::*;

fn policy(cron: &str, rules: &[Value]) -> RetentionPolicy {
    let policy = json!({ "rules": rules, "trigger": { "kind": "Schedule", "settings": { "cron": cron } } });
    serde_json::from_value(policy).unwrap()
}

/// A rule for all repositories and tags.
fn rule(template: &str, number: u64) -> Value {
    rule_for(template, number, &[("repoMatches", "**")], &[("matches", "**")])
}

fn rule_for(template: &str, number: u64, repositories: &[(&str, &str)], tags: &[(&str, &str)]) -> Value {
    let selectors = |all: &[(&str, &str)]| -> Vec<Value> {
        let one = |(decoration, pattern): &(&str, &str)| json!({ "kind": "doublestar", "decoration": decoration, "pattern": pattern });
        all.iter().map(one).collect()
    };
    json!({
        "action": "retain",
        "template": template,
        "params": { template: number },
        "tag_selectors": selectors(tags),
        "scope_selectors": { "repository": selectors(repositories) },
    })
}

/// An image for each name `repository:tag`, or `repository` if it has no tag.
fn written(names: &[&str]) -> WrittenImages {
    let mut written = WrittenImages::new();
    for name in names {
        let (repository, tag) = name.split_once(':').map_or((*name, None), |(name, tag)| (name, Some(tag)));
        let tags = written.entry(repository.to_owned()).or_default().entry(Digest::of(name.as_bytes())).or_default();
        tags.extend(tag.map(str::to_owned));
    }
    written
}

fn endangered(rules: &[Value], names: &[&str]) -> usize {
    let found = policy("", rules).endangers(&written(names), &HashMap::new());
    found.map_or(0, |found| found.count)
}

fn words(rules: &[Value]) -> String {
    policy("0 0 0 * * *", rules).endangers(&written(&["app:v1", "app:v2"]), &HashMap::new()).unwrap().policy
}

#[test]
fn what_is_always_kept_or_in_no_scope_is_in_no_danger() {
    let names = ["app:v1", "app:v2"];
    assert_eq!(endangered(&[], &names), 0);
    assert_eq!(endangered(&[rule("always", 0)], &names), 0);
    assert_eq!(endangered(&[rule("nDaysSinceLastPull", 7), rule("always", 0)], &names), 0);
    let elsewhere = rule_for("nDaysSinceLastPull", 7, &[("repoMatches", "base/**")], &[("matches", "**")]);
    assert_eq!(endangered(&[elsewhere], &names), 0);
    let not_here = rule_for("nDaysSinceLastPull", 7, &[("repoExcludes", "{app,base}")], &[("matches", "**")]);
    assert_eq!(endangered(&[not_here], &names), 0);
    let mut off = rule("nDaysSinceLastPull", 7);
    off["disabled"] = true.into();
    assert_eq!(endangered(&[off], &names), 0);
}

// Harbor deletes what no rule selects, in each repository that is in the scope of one.
#[test]
fn a_tag_that_no_rule_selects_is_deleted() {
    let releases = |template| rule_for(template, 10, &[("repoMatches", "**")], &[("matches", "v*")]);
    assert_eq!(endangered(&[releases("always")], &["app:v1", "app:latest"]), 1);
    let not_latest = rule_for("always", 0, &[("repoMatches", "**")], &[("excludes", "latest")]);
    assert_eq!(endangered(std::slice::from_ref(&not_latest), &["app:v1", "app:latest"]), 1);
    assert_eq!(endangered(&[releases("latestPushedK"), not_latest], &["app:v1", "app:latest"]), 1);
    // Untagged images are selected unless the rule says otherwise.
    let mut untagged = rule("always", 0);
    assert_eq!(endangered(std::slice::from_ref(&untagged), &["app"]), 0);
    untagged["tag_selectors"][0]["extras"] = "{\"untagged\":false}".into();
    assert_eq!(endangered(&[untagged], &["app"]), 1);
}

#[test]
fn the_last_pushed_are_safe_as_far_as_their_number_goes() {
    let rules = [rule("latestPushedK", 2)];
    assert_eq!(endangered(&rules, &["app:v1", "app:v2", "base:v1"]), 0);
    assert_eq!(endangered(&rules, &["app:v1", "app:v2", "app:v3", "base:v1"]), 3);
    // What was there before is in the way, or is what goes.
    let announced = |number| HashMap::from([("app".to_owned(), number)]);
    let found =
        |number| policy("", &rules).endangers(&written(&["app:v3"]), &announced(number)).map(|found| found.count);
    assert_eq!((found(2), found(3)), (None, Some(1)));
}

#[test]
fn a_rule_is_told_in_words() {
    for (template, number, expected) in [
        ("latestPushedK", 1, "the image pushed last"),
        ("latestPulledN", 10, "the 10 images pulled last"),
        ("latestActiveK", 10, "the 10 images pushed or pulled last"),
        ("nDaysSinceLastPush", 1, "images pushed within 1 day"),
        ("lastXDays", 30, "images pushed within 30 days"),
        ("nDaysSinceLastPull", 30, "images pulled within 30 days"),
        ("byTheMoon", 3, "what its rule `byTheMoon` says, which is unknown here"),
    ] {
        let expected = format!("of each repository it keeps {expected}; it runs by the schedule `0 0 0 * * *`");
        assert_eq!(words(&[rule(template, number)]), expected);
    }
    let narrow = rule_for("always", 0, &[("repoExcludes", "base/**")], &[("matches", "r*"), ("excludes", "rc*")]);
    assert_eq!(
        words(&[narrow, rule("latestPushedK", 1)]),
        "of each repository it keeps all images with a tag `r*` with a tag other than `rc*` (not in `base/**`), and the \
         image pushed last; it runs by the schedule `0 0 0 * * *`"
    );
}

#[test]
fn a_policy_without_a_schedule_runs_by_hand() {
    for policy in [
        policy("", &[rule("lastXDays", 7)]),
        serde_json::from_value(json!({ "rules": [rule("lastXDays", 7)] })).unwrap(),
    ] {
        let found = policy.endangers(&written(&["app:v1"]), &HashMap::new()).unwrap();
        assert!(found.policy.ends_with("; it has no schedule, and runs when it is started by hand"), "{found:?}");
        assert_eq!((found.count, found.example), (1, ("app".to_owned(), ":v1".to_owned())));
    }
}

#[test]
fn an_empty_pattern_is_every_name() {
    let rule = |tags| rule_for("always", 0, &[("repoMatches", "")], &[(tags, "")]);
    assert_eq!(endangered(&[rule("matches")], &["app:v1"]), 0);
    assert_eq!(endangered(&[rule("excludes")], &["app:v1"]), 1);
}

// Nothing is believed of a pattern that cannot be read: it may select a repository, and keeps no image.
#[test]
fn a_pattern_that_cannot_be_read_keeps_nothing() {
    let broken = rule_for("always", 0, &[("repoMatches", "[")], &[("matches", "[")]);
    assert_eq!(endangered(&[broken], &["app:v1"]), 1);
}
