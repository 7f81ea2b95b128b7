use std::time::Duration;

use axum::http::StatusCode;
use base64::{Engine as _, prelude::*};
use sealift_core::content::well_known;
use sealift_serve::access::RequestKind;
use serde_json::json;

use super::asking::Asker;
use crate::harbor::{Account, Harbor, Right};
use sealift_conformance::images::{artifact, image, index};

#[tokio::test]
async fn what_is_pushed_stands_in_the_registry_behind_and_in_the_list() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    let admin = Asker::admin(&harbor);
    let amd = image("linux/amd64", &["base"]);
    let both = index(&[("linux/amd64", &amd)]);
    assert_eq!(admin.push("team/deep/app", "v1", &both).await.status, StatusCode::CREATED);
    assert_eq!(harbor.digest_of("team/deep/app:v1"), Some(both.manifest.digest().to_string()));
    let got = admin.get("/v2/team/deep/app/manifests/v1").await;
    assert_eq!(got.body.as_bytes(), &both.manifest.bytes()[..], "{got:?}");
    let list = admin.get("/api/v2.0/projects/team/repositories/deep%252Fapp/artifacts?with_tag=true").await;
    let list = list.json();
    assert_eq!(list.as_array().unwrap().len(), 1, "an untagged child is no row: {list}");
    assert_eq!(list[0]["digest"], both.manifest.digest().to_string());
    assert_eq!(list[0]["tags"][0]["name"], "v1");
    let behind = harbor.registry().requests();
    assert_eq!(behind.count("PUT", RequestKind::Manifest), 2);
    assert!(behind.iter().all(|request| !request.path.ends_with("/manifests/v1")), "tags are the database's: {behind}");
    // Answers come in order, and the ones that a test counts are all there.
    assert_eq!(harbor.requests().count("PUT", RequestKind::Manifest), 2);
}

#[tokio::test]
async fn a_robot_pushes_with_a_token_for_its_project_and_nowhere_else() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    harbor.add_project("other");
    harbor.add_account(Account::robot("robot$team+ci", "s3cret").may("team", &[Right::Pull, Right::Push]));
    let robot = Asker::login(&harbor, "robot$team+ci", "s3cret");
    let scopes = ["repository:team/app:pull,push", "repository:other/app:pull,push"];
    let robot = robot.token(&scopes).await;
    let app = image("linux/amd64", &["layer"]);
    assert_eq!(robot.push("team/app", "v1", &app).await.status, StatusCode::CREATED);
    let refused = robot.push("other/app", "v1", &app).await;
    let words = "unauthorized to access repository: other/app, action: push";
    assert_eq!(refused.refusal(), (401, "UNAUTHORIZED".to_owned(), format!("{words}: {words}")));
    assert_eq!(refused.header("www-authenticate"), "Basic realm=\"harbor\"");
}

#[tokio::test]
async fn challenges_are_those_of_harbor() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    let nobody = Asker::nobody(&harbor);
    let bearer = format!("Bearer realm=\"{}/service/token\",service=\"harbor-registry\"", harbor.url());
    assert_eq!(nobody.get("/v2/").await.header("www-authenticate"), bearer);
    // HEAD gets one whether the project is there or not; everything else learns that it is not there.
    let scope = |name: &str, actions: &str| format!("{bearer},scope=\"repository:{name}:{actions}\"");
    harbor.add_public_project("open");
    for name in ["nope/app", "open/app"] {
        let path = format!("/v2/{name}/manifests/v1");
        assert_eq!(nobody.head(&path).await.header("www-authenticate"), scope(name, "pull"));
        assert_eq!(nobody.get(&path).await.header("www-authenticate"), scope(name, "pull"));
    }
    let post = nobody.ask("POST", "/v2/team/app/blobs/uploads/", "", Vec::new()).await;
    assert_eq!(post.header("www-authenticate"), scope("team/app", "pull,push"));
    for answer in [
        nobody.ask("POST", "/v2/nope/app/blobs/uploads/", "", Vec::new()).await,
        Asker::admin(&harbor).get("/v2/nope/app/manifests/v1").await,
        Asker::admin(&harbor).token(&["repository:nope/app:pull,push"]).await.get("/v2/nope/app/tags/list").await,
    ] {
        let words = "project nope not found: project nope not found";
        assert_eq!(answer.refusal(), (401, "UNAUTHORIZED".to_owned(), words.to_owned()));
        assert!(answer.headers.contains_key("www-authenticate"));
        assert_eq!(answer.header("www-authenticate"), "", "the challenge is there and empty");
    }
}

#[tokio::test]
async fn a_token_that_ran_out_is_answered_with_a_basic_challenge() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    harbor.token_lifetime(Duration::ZERO);
    let old = Asker::admin(&harbor).token(&["repository:team/app:pull"]).await;
    let answer = old.head("/v2/team/app/manifests/v1").await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(answer.header("www-authenticate"), "Basic realm=\"harbor\"");
}

/// Requests a token for these scopes and returns its claims.
async fn claims(asker: &Asker<'_>, scopes: &str) -> serde_json::Value {
    let token = asker.get(&format!("/service/token?service=harbor-registry{scopes}")).await.json();
    let payload = token["token"].as_str().unwrap().split('.').nth(1).unwrap().to_owned();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

#[tokio::test]
async fn a_token_says_whose_it_is_and_what_it_opens() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    harbor.add_account(Account::robot("robot$team+ci", "s").may("team", &[Right::Push]));
    let scopes = "&scope=repository:team/app:pull,push&scope=repository:nope/app:pull,push";
    let said = claims(&Asker::login(&harbor, "robot$team+ci", "s"), scopes).await;
    assert_eq!((&said["iss"], &said["sub"]), (&json!("harbor-token-issuer"), &json!("robot$team+ci")));
    let mut actions: Vec<_> = said["access"][0]["actions"].as_array().unwrap().clone();
    actions.sort_by_key(ToString::to_string);
    assert_eq!((actions, &said["access"][1]["actions"]), (vec![json!("pull"), json!("push")], &json!([])));
    let wrong = claims(&Asker::login(&harbor, "robot$team+ci", "wrong"), scopes).await;
    assert_eq!((wrong.get("sub"), &wrong["access"][0]["actions"]), (None, &json!([])));
}

#[tokio::test]
async fn without_its_database_harbor_answers_as_if_projects_and_logins_were_wrong() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    let admin = Asker::admin(&harbor);
    let token = admin.token(&["repository:team/app:pull,push"]).await;
    harbor.database_away(true);
    let head = token.head("/v2/team/app/manifests/v1").await;
    assert_eq!((head.status.as_u16(), head.header("www-authenticate")), (401, ""));
    let get = token.get("/v2/team/app/tags/list").await.refusal();
    assert!(get.0 == 401 && get.2.starts_with("failed to connect to `user=harbor"), "{get:?}");
    let post = token.ask("POST", "/v2/team/app/blobs/uploads/", "", Vec::new()).await;
    assert_eq!(post.refusal(), (500, "UNKNOWN".to_owned(), "internal server error".to_owned()));
    assert_eq!(admin.get("/api/v2.0/projects/team").await.refusal(), post.refusal());
    assert_eq!(admin.get("/api/v2.0/users/current/permissions").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(admin.get("/api/v2.0/systeminfo").await.json().get("harbor_version"), None);
    assert_eq!(claims(&admin, "&scope=repository:team/app:pull,push").await.get("sub"), None);
    harbor.database_away(false);
    assert_eq!(token.head("/v2/team/app/manifests/v1").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_token_knows_no_wrong_passwords_where_scopes_are_asked_for() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_public_project("open");
    let wrong = Asker::login(&harbor, "admin", "wrong");
    assert_eq!(wrong.get("/service/token?service=harbor-registry").await.status, StatusCode::UNAUTHORIZED);
    let token = wrong.token(&["repository:open/app:pull,push"]).await;
    assert_eq!(token.head("/v2/open/app/manifests/v1").await.status, StatusCode::NOT_FOUND, "pulling is public");
    let push = token.ask("POST", "/v2/open/app/blobs/uploads/", "", Vec::new()).await;
    assert_eq!(push.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn pages_have_at_most_a_hundred_rows_and_no_accessories() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    let admin = Asker::admin(&harbor);
    let layer = "one layer for all";
    for tag in 0..101 {
        let app = image("linux/amd64", &[layer, &format!("layer {tag}")]);
        assert_eq!(admin.push("team/app", &format!("v{tag}"), &app).await.status, StatusCode::CREATED);
        if tag == 0 {
            let subject = app.manifest.digest().to_string().replace(':', "-");
            let signed = json!([{
                "mediaType": "application/vnd.dev.cosign.simplesigning.v1+json",
                "digest": app.blobs[1].0.digest,
                "size": layer.len(),
            }]);
            let signature = artifact(well_known::OCI_CONFIG, "{}", &[], &[("layers", signed)]);
            let answer = admin.push("team/app", &format!("{subject}.sig"), &signature).await;
            assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        }
    }
    let path = "/api/v2.0/projects/team/repositories/app/artifacts?with_tag=true&with_accessory=true";
    let count = async |page: &str| admin.get(&format!("{path}&page_size=100&page={page}")).await;
    let (first, second) = (count("1").await, count("2").await);
    assert_eq!(first.header("x-total-count"), "101", "the signature is not counted");
    assert!(first.header("link").contains("page=2") && first.header("link").ends_with("rel=\"next\""));
    assert_eq!(first.json().as_array().unwrap().len(), 100);
    let second = second.json();
    assert_eq!(second.as_array().unwrap().len(), 1);
    assert_eq!(second[0]["accessories"][0]["type"], "signature.cosign");
    assert_eq!(admin.get(&format!("{path}&page_size=101")).await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn big_bodies_pass_through_in_both_directions() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    let admin = Asker::admin(&harbor);
    let bytes: Vec<u8> = (0..8 << 20).map(|at: u32| (at % 251) as u8).collect();
    assert_eq!(admin.put_blob("team/app", &bytes).await.status, StatusCode::CREATED);
    let digest = sealift_core::content::Digest::of(&bytes);
    let got = admin.get(&format!("/v2/team/app/blobs/{digest}")).await;
    assert_eq!(got.header("content-length"), bytes.len().to_string());
    assert_eq!(harbor.used_storage("team"), bytes.len() as u64);
}
