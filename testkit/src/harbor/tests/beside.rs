//! What Harbor has beside images: retention, scans, members.

use sealift_conformance::images::{artifact, image};
use sealift_core::content::MediaType;
use serde_json::json;

use super::asking::{Answer, Asker};
use crate::harbor::{Account, Harbor, Right, Scanner};

fn refused(status: u16, code: &str, message: &str) -> (u16, String, String) {
    (status, code.to_owned(), message.to_owned())
}

#[tokio::test]
async fn a_policy_for_retention_is_named_by_its_project_and_read_by_who_may() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    harbor.add_account(Account::user("dev", "1").may("team", &Right::DEVELOPER));
    let rules = json!([{ "id": 1, "action": "retain", "template": "latestPushedK", "params": { "latestPushedK": 3 } }]);
    harbor.retain("team", "0 0 0 * * *", &rules);
    let (admin, dev) = (Asker::admin(&harbor), Asker::login(&harbor, "dev", "1"));
    let list = |detail: bool| format!("/api/v2.0/projects?q=name%3D%7B%27team%27%7D&with_detail={detail}");
    let project = dev.get(&list(true)).await.json()[0].clone();
    assert!(dev.get(&list(false)).await.json()[0].get("metadata").is_none());
    let path = format!("/api/v2.0/retentions/{}", project["metadata"]["retention_id"].as_str().unwrap());
    let policy = admin.get(&path).await.json();
    assert_eq!((&policy["rules"], &policy["trigger"]["settings"]["cron"]), (&rules, &json!("0 0 0 * * *")));
    assert_eq!(policy["scope"]["ref"], project["project_id"]);
    assert_eq!(dev.get(&path).await.refusal(), refused(403, "FORBIDDEN", "forbidden"), "a Developer may not");
    assert_eq!(Asker::nobody(&harbor).get(&path).await.status.as_u16(), 401);
    let missing = admin.get("/api/v2.0/retentions/99").await.refusal();
    assert_eq!(missing, refused(500, "UNKNOWN", "internal server error"));
}

#[tokio::test]
async fn scans_are_started_of_images_where_there_is_a_scanner() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    harbor.add_account(Account::user("dev", "1").may("team", &Right::DEVELOPER));
    let (admin, dev) = (Asker::admin(&harbor), Asker::login(&harbor, "dev", "1"));
    let pushing = admin.token(&["repository:team/a/b:pull,push"]).await;
    let image = image("linux/amd64", &["a"]);
    let chart = artifact(MediaType::from_static("application/vnd.cncf.helm.config.v1+json"), "{}", &["c"], &[]);
    assert_eq!(pushing.push("team/a/b", "v1", &image).await.status.as_u16(), 201);
    assert_eq!(pushing.push("team/a/b", "c1", &chart).await.status.as_u16(), 201);
    let digest = image.manifest.digest().to_string();
    let scan = async |asker: &Asker<'_>, digest: &str| -> Answer {
        let path = format!("/api/v2.0/projects/team/repositories/a%252Fb/artifacts/{digest}/scan");
        asker.ask("POST", &path, "", Vec::new()).await
    };
    let absent = scan(&admin, &digest).await.refusal();
    assert_eq!(absent, refused(412, "PRECONDITION", "no available scanner for project: 1"));
    harbor.set_scanner("team", Scanner::Deactivated);
    let off = scan(&admin, &digest).await.refusal();
    assert_eq!(off, refused(412, "PRECONDITION", "scanner Trivy is deactivated"));
    harbor.set_scanner("team", Scanner::Ready);
    assert_eq!((scan(&admin, &digest).await.status.as_u16(), harbor.scans_of("team/a/b", &digest)), (202, 1));
    assert_eq!(scan(&dev, &digest).await.refusal(), refused(403, "FORBIDDEN", "forbidden"));
    let unfit = scan(&admin, &chart.manifest.digest().to_string()).await.refusal();
    assert_eq!((unfit.0, &*unfit.1), (400, "BAD_REQUEST"));
    assert!(unfit.2.starts_with("the configured scanner Trivy does not support scanning artifact"), "{}", unfit.2);
    let missing = scan(&admin, &format!("sha256:{}", "0".repeat(64))).await.refusal();
    assert_eq!((missing.0, &*missing.1), (404, "NOT_FOUND"));
    harbor.set_scanner("team", Scanner::Busy);
    let busy = scan(&admin, &digest).await.refusal();
    assert_eq!(busy, refused(409, "CONFLICT", "a previous scan process is Running"));
}

#[tokio::test]
async fn members_are_users_and_groups_that_are_known_each_once() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    harbor.add_group("ops");
    harbor.add_account(Account::user("ann", "1"));
    harbor.add_account(Account::robot("robot$all", "2").may("*", &Right::DEVELOPER));
    let (admin, robot) = (Asker::admin(&harbor), Asker::login(&harbor, "robot$all", "2"));
    let add = async |asker: &Asker<'_>, body: serde_json::Value| {
        let body = body.to_string().into_bytes();
        asker.ask("POST", "/api/v2.0/projects/team/members", "application/json", body).await
    };
    let ann = json!({ "role_id": 1, "member_user": { "username": "ann" } });
    let added = add(&admin, ann.clone()).await;
    assert_eq!(added.status.as_u16(), 201);
    assert!(added.header("location").starts_with("/api/v2.0/projects/team/members/"));
    let twice = add(&admin, ann.clone()).await.refusal();
    assert_eq!(twice, refused(409, "CONFLICT", "The project member specified already exist"));
    assert_eq!(add(&robot, ann).await.refusal(), refused(403, "FORBIDDEN", "forbidden"));
    let nobody = add(&admin, json!({ "role_id": 2, "member_user": { "username": "bob" } })).await.refusal();
    assert_eq!(nobody, refused(404, "NOT_FOUND", "user bob is not found"));
    let group = |name: &str, role: u64| json!({ "role_id": role, "member_group": { "group_name": name } });
    assert_eq!(add(&admin, group("ops", 5)).await.status.as_u16(), 201);
    assert_eq!(
        add(&admin, group("devs", 5)).await.refusal(),
        refused(404, "NOT_FOUND", "devs not found: not supported")
    );
    assert_eq!(add(&admin, json!({ "role_id": 1 })).await.status.as_u16(), 400);
    assert_eq!(harbor.members("team"), [("ann".to_owned(), 1), ("group ops".to_owned(), 5)]);
}
