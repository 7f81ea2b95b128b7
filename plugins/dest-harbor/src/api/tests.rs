use super::*;

fn read<T: DeserializeOwned>(json: Value) -> T {
    serde_json::from_value(json).unwrap()
}

#[test]
fn a_quota_without_a_limit_leaves_no_number() {
    let left = |hard: Value, used: Value| {
        let quota: QuotaInfo = read(json!({ "hard": { "storage": hard }, "used": { "storage": used } }));
        quota.room().map(|room| room.left())
    };
    assert_eq!(left(json!(100), json!(30)), Some(70));
    assert_eq!(left(json!(1), json!(0)), Some(1));
    assert_eq!(left(json!(100), json!(130)), Some(0));
    for unlimited in [json!(-1), json!(0), Value::Null] {
        assert_eq!(left(unlimited.clone(), json!(30)), None, "{unlimited}");
    }
}

#[test]
fn a_project_that_caches_a_registry_names_it() {
    let is_proxy_cache = |registry: Value| {
        let project: ProjectInfo = read(json!({ "name": "team", "project_id": 7, "registry_id": registry }));
        project.is_proxy_cache()
    };
    assert!(is_proxy_cache(json!(1)));
    assert!(!is_proxy_cache(json!(0)) && !is_proxy_cache(Value::Null));
}

#[test]
fn the_policy_of_a_project_is_a_number_in_its_settings() {
    let policy = |metadata: Value| {
        let project: ProjectInfo = read(json!({ "name": "team", "project_id": 7, "metadata": metadata }));
        project.retention_id()
    };
    let set = |id: Value| policy(json!({ "public": "true", "retention_id": id }));
    assert_eq!((set(json!("12")), set(json!(12))), (Some("12".to_owned()), Some("12".to_owned())));
    assert_eq!((set(json!("")), set(json!("1/../2")), set(Value::Null)), (None, None, None));
    assert_eq!((policy(json!({})), policy(Value::Null)), (None, None));
}

#[test]
fn a_right_is_an_action_on_a_resource() {
    let right: Right = read(json!({ "resource": "repository", "action": "push" }));
    assert!(right.is("repository", "push"));
    assert!(!right.is("repository", "pull") && !right.is("artifact", "push") && !right.is("artifact", "pull"));
}
