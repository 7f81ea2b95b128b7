use axum::http::StatusCode;
use serde_json::json;

use super::asking::{Answer, Asker};
use crate::harbor::{Account, Harbor, Right};

async fn create(asker: &Asker<'_>, name: &str, limit: i64) -> Answer {
    let body = json!({ "project_name": name, "metadata": { "public": "false" }, "storage_limit": limit });
    asker.ask("POST", "/api/v2.0/projects", "application/json", body.to_string().into_bytes()).await
}

async fn status(asker: &Asker<'_>, name: &str) -> u16 {
    create(asker, name, -1).await.status.as_u16()
}

#[tokio::test]
async fn projects_are_created_once_with_a_good_name_by_who_may() {
    let Some(harbor) = Harbor::start().await else { return };
    let admin = Asker::admin(&harbor);
    let created = create(&admin, "team", 1 << 20).await;
    assert_eq!(created.status, StatusCode::CREATED);
    assert!(created.header("location").starts_with("/api/v2.0/projects/"));
    assert_eq!(harbor.project("team"), Some((false, Some(1 << 20))));
    assert_eq!(status(&admin, "team").await, 409);
    for bad in ["Team", "a//b", "a/b", "-a", "a..b", ""] {
        assert_eq!(status(&admin, bad).await, 400, "{bad}");
    }
    assert_eq!((status(&admin, &"a".repeat(255)).await, status(&admin, &"a".repeat(256)).await), (201, 422));
    assert_eq!(status(&Asker::nobody(&harbor), "other").await, 401);
    assert_eq!(status(&Asker::login(&harbor, "admin", "wrong"), "other").await, 401);
}

#[tokio::test]
async fn robots_of_a_project_create_none_and_others_are_not_at_home_in_theirs() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    harbor.add_account(Account::robot("robot$team+ci", "1").may("team", &Right::ALL).may_create_projects());
    harbor.add_account(Account::robot("robot$plain", "2"));
    harbor.add_account(Account::robot("robot$maker", "3").may_create_projects());
    harbor.add_account(Account::user("jane", "4"));
    let login = |name, secret| Asker::login(&harbor, name, secret);
    assert_eq!(status(&login("robot$team+ci", "1"), "a").await, 403);
    assert_eq!(status(&login("robot$plain", "2"), "b").await, 201, "where everybody may, any robot of the system may");
    assert_eq!(create(&login("robot$maker", "3"), "a", 7000).await.status, StatusCode::CREATED);
    assert_eq!(harbor.project("a"), Some((false, Some(7000))), "it counts as an administrator");
    let push = |repository: &str| format!("/v2/{repository}/blobs/uploads/");
    let refused = login("robot$maker", "3").ask("POST", &push("a/app"), "", Vec::new()).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "it has no rights in what it created");
    assert_eq!(create(&login("jane", "4"), "hers", 7000).await.status, StatusCode::CREATED);
    assert_eq!(harbor.project("hers"), Some((false, None)), "her limit is not asked for");
    let taken = login("jane", "4").ask("POST", &push("hers/app"), "", Vec::new()).await;
    assert_eq!(taken.status, StatusCode::ACCEPTED);
    harbor.only_admins_create_projects(true);
    assert_eq!(status(&login("jane", "4"), "more").await, 403);
    assert_eq!(status(&login("robot$plain", "2"), "more").await, 403);
    assert_eq!(status(&login("robot$maker", "3"), "more").await, 201);
}

#[tokio::test]
async fn a_missing_project_is_told_to_any_login_that_asks_by_head() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    harbor.add_account(Account::robot("robot$all", "1").may("*", &Right::ALL));
    let head = async |asker: &Asker<'_>, name: &str| {
        asker.head(&format!("/api/v2.0/projects?project_name={name}")).await.status.as_u16()
    };
    let (admin, robot) = (Asker::admin(&harbor), Asker::login(&harbor, "robot$all", "1"));
    assert_eq!((head(&admin, "team").await, head(&admin, "nope").await), (200, 404));
    assert_eq!((head(&robot, "team").await, head(&robot, "nope").await), (200, 404));
    assert_eq!(head(&Asker::nobody(&harbor), "team").await, 401);
    let get = async |asker: &Asker<'_>, name: &str| asker.get(&format!("/api/v2.0/projects/{name}")).await.refusal();
    assert_eq!(get(&admin, "nope").await, (404, "NOT_FOUND".to_owned(), "project nope not found".to_owned()));
    assert_eq!(get(&robot, "nope").await, (403, "FORBIDDEN".to_owned(), "forbidden".to_owned()));
}

#[tokio::test]
async fn a_list_of_projects_names_those_that_are_wanted_and_seen() {
    let Some(harbor) = Harbor::start().await else { return };
    for name in ["team", "other"] {
        harbor.add_project(name);
    }
    harbor.add_proxy_cache("hub");
    harbor.add_account(Account::robot("robot$team+ci", "1").may("team", &[Right::Push]));
    let path = "/api/v2.0/projects?q=name%3D%7B%27team%27%20%27other%27%20%27hub%27%20%27nope%27%7D&with_detail=false";
    let names = async |asker: &Asker<'_>| {
        let listed = asker.get(path).await.json();
        let names = listed.as_array().unwrap().iter().map(|project| project["name"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(names(&Asker::admin(&harbor)).await, ["hub", "other", "team"]);
    assert_eq!(names(&Asker::login(&harbor, "robot$team+ci", "1")).await, ["hub", "team"]);
    assert!(names(&Asker::nobody(&harbor)).await.is_empty());
}

#[tokio::test]
async fn the_secret_of_an_oidc_user_counts_for_images_and_little_else() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    harbor.add_account(Account::oidc("ann", "cli").may("team", &Right::DEVELOPER));
    let ann = Asker::login(&harbor, "ann", "cli");
    let status = async |path: &str| ann.get(path).await.status.as_u16();
    assert_eq!(status("/v2/team/app/tags/list").await, 404);
    for (path, expected) in [
        ("projects/team", 401),
        ("projects/team/summary", 401),
        ("users/current/permissions", 401),
        ("projects/team/repositories/app/artifacts/v1", 401),
        ("projects", 200),
        ("projects/team/repositories/app/artifacts", 200),
    ] {
        assert_eq!(status(&format!("/api/v2.0/{path}")).await, expected, "{path}");
    }
}

#[tokio::test]
async fn rights_quota_and_rules_can_be_read_by_who_may() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    harbor.limit_storage("team", 1000);
    harbor.make_immutable("team", "**", "v*");
    harbor.add_account(Account::robot("robot$team+ci", "1").may("team", &[Right::Pull, Right::ReadProject]));
    let (admin, robot) = (Asker::admin(&harbor), Asker::login(&harbor, "robot$team+ci", "1"));
    let project = robot.get("/api/v2.0/projects/team").await.json();
    assert_eq!(project["metadata"]["public"], "false");
    let scope = format!("/api/v2.0/users/current/permissions?scope=/project/{}&relative=true", project["project_id"]);
    let rights = robot.get(&scope).await.json();
    assert_eq!(rights[0], json!({ "resource": "repository", "action": "pull" }));
    assert_eq!(rights.as_array().unwrap().len(), 2);
    let quota = admin.get("/api/v2.0/projects/team/summary").await.json();
    assert_eq!(quota["quota"], json!({ "hard": { "storage": 1000 }, "used": { "storage": 0 } }));
    assert!(robot.get("/api/v2.0/projects/team/summary").await.json().get("quota").is_none());
    let rules = admin.get("/api/v2.0/projects/team/immutabletagrules").await.json();
    assert_eq!(rules[0]["tag_selectors"][0]["pattern"], "v*");
    assert_eq!(robot.get("/api/v2.0/projects/team/immutabletagrules").await.status, StatusCode::FORBIDDEN);
    let info = robot.get("/api/v2.0/systeminfo").await.json();
    assert_eq!(info["read_only"], false);
}
