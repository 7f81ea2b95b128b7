use std::{path::Path, sync::Arc};

use sealift_core::plugin::{BuildContext, Purpose, Section};

use super::{
    load::{files, read_all},
    *,
};

fn conf(text: &str) -> RegistriesConf {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("registries.conf");
    std::fs::write(&file, text).unwrap();
    read_all(&[file]).unwrap()
}

fn sources(conf: &RegistriesConf, name: &str, by_digest: bool) -> Vec<String> {
    conf.sources(&name.parse().unwrap(), by_digest).iter().map(ToString::to_string).collect()
}

#[test]
fn a_location_stands_in_place_of_the_longest_prefix() {
    let conf = conf(
        r#"
        [[registry]]
        prefix = "quay.io"
        location = "mirror.corp/quay"
        [[registry]]
        prefix = "quay.io/coreos"
        location = "etcd.corp:5000"
        [[registry]]
        prefix = "*.example.com"
        location = "all.corp"
        [[registry]]
        prefix = "*.kept.com/team"
    "#,
    );
    for (name, expected) in [
        ("quay.io/a/b", "mirror.corp/quay/a/b"),
        ("quay.io/coreos/etcd", "etcd.corp:5000/etcd"),
        ("quay.io/coreos2/etcd", "mirror.corp/quay/coreos2/etcd"),
        ("a.b.example.com/x/y", "all.corp/x/y"),
        ("example.com/x/y", "example.com/x/y"),
        ("other.com/x.example.com/y", "other.com/x.example.com/y"),
        ("r.kept.com/team/x", "r.kept.com/team/x"),
        ("nginx", "docker.io/library/nginx"),
    ] {
        assert_eq!(sources(&conf, name, false), [expected], "{name}");
    }
}

#[test]
fn mirrors_come_before_the_place_itself_as_far_as_they_are_for_such_names() {
    let conf = conf(
        r#"
        [[registry]]
        location = "docker.io"
        [[registry.mirror]]
        location = "both.corp/hub"
        [[registry.mirror]]
        location = "digests.corp"
        pull-from-mirror = "digest-only"
        [[registry.mirror]]
        location = "tags.corp"
        pull-from-mirror = "tag-only"
        [[registry]]
        location = "quay.io"
        mirror-by-digest-only = true
        [[registry.mirror]]
        location = "q.corp"
    "#,
    );
    let hub = "docker.io/library/nginx";
    assert_eq!(sources(&conf, "nginx", false), ["both.corp/hub/library/nginx", "tags.corp/library/nginx", hub]);
    assert_eq!(sources(&conf, "nginx", true), ["both.corp/hub/library/nginx", "digests.corp/library/nginx", hub]);
    assert_eq!(sources(&conf, "quay.io/a/b", false), ["quay.io/a/b"]);
    assert_eq!(sources(&conf, "quay.io/a/b", true), ["q.corp/a/b", "quay.io/a/b"]);
}

#[test]
fn hosts_are_insecure_and_repositories_blocked() {
    let conf = conf(
        r#"
        unqualified-search-registries = ["docker.io"]
        [[registry]]
        location = "lab.corp:5000"
        insecure = true
        [[registry]]
        prefix = "quay.io/a"
        location = "plain.corp"
        insecure = true
        [[registry]]
        prefix = "*.dev.corp"
        insecure = true
        [[registry]]
        location = "docker.io"
        blocked = true
        [[registry.mirror]]
        location = "hub.corp/x"
        insecure = true
    "#,
    );
    for (host, insecure) in [
        ("lab.corp:5000", true),
        ("plain.corp", true),
        ("a.dev.corp", true),
        ("dev.corp", false),
        ("hub.corp", true),
        ("docker.io", false),
    ] {
        assert_eq!(conf.is_insecure(host), insecure, "{host}");
    }
    assert!(conf.blocked_by(&"nginx".parse().unwrap()).unwrap().ends_with("registries.conf"));
    assert!(conf.blocked_by(&"hub.corp/x/library/nginx".parse().unwrap()).is_none());
}

#[test]
fn the_first_version_is_read_as_far_as_it_says_the_same() {
    let conf = conf(
        "[registries.search]\nregistries = ['docker.io']\n[registries.insecure]\nregistries = ['a.corp']\n[registries.block]\nregistries = ['b.corp']\n",
    );
    assert!(conf.is_insecure("a.corp") && conf.blocked_by(&"b.corp/x".parse().unwrap()).is_some());
}

#[test]
fn the_users_file_goes_before_that_of_the_system_and_drop_ins_replace_prefixes() {
    let dir = tempfile::tempdir().unwrap();
    let write = |path: &str, location: &str| {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, format!("[[registry]]\nprefix = \"quay.io\"\nlocation = \"{location}\"\n")).unwrap();
    };
    let found = || {
        let (user, system) = (dir.path().join("user"), dir.path().join("system"));
        sources(&read_all(&files(Some(&user), &system).unwrap()).unwrap(), "quay.io/a", false).remove(0)
    };
    assert_eq!(found(), "quay.io/a");
    write("system/registries.conf", "one.corp");
    assert_eq!(found(), "one.corp/a");
    write("system/registries.conf.d/50.conf", "two.corp");
    write("system/registries.conf.d/40.conf", "three.corp");
    write("system/registries.conf.d/60.off", "four.corp");
    assert_eq!(found(), "two.corp/a");
    write("user/registries.conf", "five.corp");
    assert_eq!(found(), "five.corp/a");
    write("user/registries.conf.d/1.conf", "six.corp");
    assert_eq!(found(), "six.corp/a");
}

#[test]
fn it_is_followed_only_where_a_pipeline_says_so_and_a_broken_one_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("r.conf");
    std::fs::write(&file, "[[registry]]\nlocation = 5\n").unwrap();
    let file = file.display().to_string();
    let env = move |name: &str| (name == "CONTAINERS_REGISTRIES_CONF").then(|| file.clone());
    let cx = BuildContext::new(Arc::new(env), Path::new("."), Purpose::Run);
    assert!(Containers::build(None, &cx).is_ok());
    let problems = Containers::build(Some(Config { registries_conf: true }), &cx).unwrap_err().into_problems();
    assert!(problems[0].diagnostic.message.contains("r.conf"), "{problems:?}");
    assert_eq!(problems[0].key.as_deref(), Some("registries_conf"));
}
