use serde_json::json;

use super::*;

#[test]
fn who_has_rights_but_not_this_one_may_not_push() {
    let may = |rights: &[(&str, &str)]| {
        let right = |(resource, action): &(&str, &str)| {
            serde_json::from_value(json!({ "resource": resource, "action": action })).unwrap()
        };
        may_push(Lookup::Is(rights.iter().map(right).collect()))
    };
    assert!(may(&[("repository", "pull"), ("repository", "push")]));
    assert!(!may(&[("repository", "pull"), ("artifact", "list")]));
    assert!(may(&[]), "some versions tell no rights of robots");
    assert!(may_push(Lookup::Closed) && may_push(Lookup::Missing), "the push will tell");
}

#[test]
fn a_name_in_a_project_is_what_follows_it() {
    let name = |path: &str| name_in_project(&Repository::new("h.io", path).unwrap()).to_owned();
    assert_eq!((name("team/app"), name("team/a/b"), name("app")), ("app".to_owned(), "a/b".to_owned(), String::new()));
}
