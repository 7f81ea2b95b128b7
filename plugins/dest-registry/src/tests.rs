use std::sync::Arc;

use sealift_core::{job::Job, plugin::Purpose};

use super::*;

fn cx() -> BuildContext<'static> {
    BuildContext::new(Arc::new(|_| None), ".", Purpose::Run)
}

fn push(cx: &BuildContext<'_>, prefix: Option<&str>) -> Result<Box<dyn Push>, String> {
    let config = Config { prefix: prefix.map(str::to_owned) };
    config.build(cx).map_err(|error| error.into_problems()[0].diagnostic.message.clone())
}

fn placed(push: &dyn Push) -> String {
    let targets = vec!["h.io/rule/nginx:1".parse().unwrap()];
    let job = Job { targets, ..Job::new("nginx:1".parse().unwrap()) };
    push.targets(&job).unwrap()[0].to_string()
}

#[test]
fn the_first_push_follows_the_rules_and_others_need_a_prefix() {
    let cx = cx();
    assert_eq!(placed(&*push(&cx, Some("a.io/m")).unwrap()), "a.io/m/library/nginx:1");
    assert_eq!(placed(&*push(&cx, None).unwrap()), "h.io/rule/nginx:1");
    assert!(push(&cx, None).err().unwrap().contains("earlier [[push]]"));
    assert_eq!(placed(&*push(&cx, Some("b.io")).unwrap()), "b.io/library/nginx:1");
}

#[test]
fn a_bad_prefix_is_named() {
    let error = Config { prefix: Some("https://h.io".to_owned()) }.build(&cx()).err().unwrap();
    assert_eq!(error.into_problems()[0].key.as_deref(), Some("prefix"));
}

#[test]
fn it_is_linked_under_its_name() {
    let found = sealift_core::plugin::plugins().into_iter().find(|plugin| plugin.kind() == "registry").unwrap();
    assert_eq!(found.summary(), "Pushes images to a registry.");
}
