//! The list of tags of this cloud, at a double of a registry, its token service and the API.

use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use sealift_conformance::Given;
use sealift_core::{
    content::{Digest, well_known},
    stage::{Fetch, Push, ResolveMode},
};
use sealift_login_alibaba as _;
use sealift_registry_client::{Client, RegistryFetch, RegistryPush, TargetNaming};
use sealift_testkit::cloud::{Asked, Cloud, Reply};
use serde_json::{Value, json};

const ENTERPRISE: &str = "registry.aliyuncs.com:cn-hangzhou:china:cri-abc";
const PERSONAL: &str = "registry.aliyuncs.com:cn-hangzhou:26842";
const TAGS: usize = 250;

fn digest(number: usize) -> Digest {
    Digest::of(&number.to_le_bytes())
}

fn query(path: &str, name: &str) -> Option<String> {
    let (_, query) = path.split_once('?')?;
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned)
}

/// The numbers of the tags in a page of a hundred.
fn numbers(page: Option<String>) -> std::ops::Range<usize> {
    let page: usize = page.unwrap().parse().unwrap();
    ((page - 1) * 100).min(TAGS)..(page * 100).min(TAGS)
}

fn hex(number: usize) -> String {
    digest(number).to_string().replace("sha256:", "")
}

/// The lists as documented: of the Enterprise Edition with times as text, of the Personal Edition as numbers.
fn listed(asked: &Asked) -> Reply {
    let body = match asked.header("x-acs-action") {
        "GetRepository" if query(&asked.path, "RepoNamespaceName").as_deref() == Some("team") => json!({
            "IsSuccess": true, "Code": "success", "RequestId": "915E6734", "InstanceId": "cri-abc", "RepoId": "crr-tquyps22",
            "RepoNamespaceName": "team", "RepoName": query(&asked.path, "RepoName"), "RepoStatus": "NORMAL",
        }),
        "ListRepoTag" if query(&asked.path, "RepoId").as_deref() == Some("crr-tquyps22") => {
            let images = numbers(query(&asked.path, "PageNo")).map(|number| {
                json!({
                    "Tag": format!("v{number}"), "Digest": hex(number), "ImageId": "45023655", "Status": "NORMAL",
                    "ImageSize": 27_107_966, "ImageCreate": "1572839125000", "ImageUpdate": format!("{}000", 1_700_000_000 + number),
                })
            });
            json!({
                "IsSuccess": true, "Code": "success", "RequestId": "031572FA", "PageNo": 1, "PageSize": 100,
                "TotalCount": TAGS.to_string(), "Images": images.collect::<Vec<_>>(),
            })
        }
        "GetRepoTags" if asked.path.starts_with("/repos/team/app/tags?") => {
            let tags = numbers(query(&asked.path, "Page")).map(|number| {
                json!({
                    "tag": format!("v{number}"), "digest": hex(number), "imageId": "2842876c", "status": "NORMAL",
                    "imageSize": 27_107_966, "imageCreate": 1, "imageUpdate": (1_700_000_000 + number) * 1000,
                })
            });
            let tags: Vec<Value> = tags.collect();
            json!({"data": {"total": TAGS, "pageSize": 100, "page": 1, "tags": tags}, "requestId": "9AFB10K1"})
        }
        other => panic!("{other}: {}", asked.path),
    };
    (200, String::new(), body)
}

/// A double of all three, whose API answers like this to what is no question for a login.
async fn acr(service: &'static str, list: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Cloud {
    Cloud::with_headers(move |asked| {
        let authorization = asked.header("authorization");
        if asked.path.starts_with("/v2/") {
            if authorization != "Bearer token" {
                let challenge = format!("Bearer realm=\"http://{}/auth\",service=\"{service}\"", asked.header("host"));
                return (401, vec![("www-authenticate", challenge)], Value::Null);
            }
            let number =
                asked.path.split_once("/manifests/v").and_then(|(_, tag)| tag.parse().ok()).unwrap_or_default();
            let headers = vec![
                ("content-type", well_known::OCI_INDEX.to_string()),
                ("docker-content-digest", digest(number).to_string()),
            ];
            return (200, headers, json!("x"));
        }
        if asked.path.starts_with("/auth") {
            return (200, Vec::new(), json!({"token": "token", "expires_in": 3600}));
        }
        assert!(authorization.starts_with("ACS3-HMAC-SHA256 Credential=LTAI-test,"), "{authorization}");
        assert!(!authorization.contains("CANARY"), "the secret signs and is not sent");
        let login = |user: &str, password: &str| json!({user: "cr_temp_user", password: "s3cret", "Code": "success"});
        let (status, _, body) = match asked.header("x-acs-action") {
            "GetAuthorizationToken" if asked.path == "/tokens" => {
                (200, String::new(), json!({"data": login("tempUserName", "authorizationToken")}))
            }
            "GetAuthorizationToken" => (200, String::new(), login("TempUsername", "AuthorizationToken")),
            _ => list(asked),
        };
        (status, Vec::new(), body)
    })
    .await
}

fn client(cloud: &Cloud) -> Arc<Client> {
    let (host, url) = (cloud.host(), cloud.url());
    let table = format!("[[login]]\nuse = \"alibaba\"\nhosts = [\"{host}\"]\nendpoint = \"{url}\"\n");
    let given = Given::new(table).env("ALIBABA_CLOUD_ACCESS_KEY_ID", "LTAI-test");
    let given = given.env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "CANARY");
    let login = Arc::clone(&given.loaded().unwrap().logins[0].stage);
    Arc::new(Client::builder().without_environment().login(login).build().unwrap())
}

async fn resolve_at_destination(client: &Arc<Client>, cloud: &Cloud, tags: usize) {
    let push = RegistryPush::new(Arc::clone(client), TargetNaming::Targets);
    for number in 0..tags {
        let found = push.resolve(&format!("{}/team/app:v{number}", cloud.host()).parse().unwrap()).await;
        assert_eq!(found.unwrap().unwrap().digest, digest(number));
    }
}

/// The number of questions for tags, and of those for the list.
fn asked(cloud: &Cloud) -> (usize, usize) {
    let lists = ["/?InstanceId=", "/repos/"].iter().flat_map(|path| cloud.asked(path));
    let lists = lists.filter(|asked| asked.header("x-acs-action") != "GetAuthorizationToken").count();
    (cloud.asked("/v2/team/app/manifests/").len(), lists)
}

#[tokio::test]
async fn a_rerun_takes_a_few_questions_and_the_pages() {
    // The Enterprise Edition is asked for the id of the repository, too.
    for (service, lists) in [(ENTERPRISE, 4), (PERSONAL, 3)] {
        let cloud = acr(service, listed).await;
        let client = client(&cloud);
        resolve_at_destination(&client, &cloud, TAGS).await;
        // Three questions for each page, and two by which the login is found.
        assert_eq!(asked(&cloud), (11, lists), "{service}");
    }
}

#[tokio::test]
async fn the_lists_tell_when_tags_were_pushed() {
    for service in [ENTERPRISE, PERSONAL] {
        let cloud = acr(service, listed).await;
        let fetch = RegistryFetch::new(client(&cloud));
        let times = fetch.capabilities().push_times.unwrap();
        for number in [7, 249] {
            let image = format!("{}/team/app:v{number}", cloud.host()).parse().unwrap();
            let pushed = UNIX_EPOCH + Duration::from_secs(1_700_000_000 + number);
            assert_eq!(times.pushed(&image).await.unwrap(), Some(pushed), "{service}");
        }
    }
}

#[tokio::test]
async fn at_a_source_each_tag_is_asked_for_because_the_lists_tell_no_media_types() {
    let cloud = acr(ENTERPRISE, listed).await;
    let fetch = RegistryFetch::new(client(&cloud));
    for number in 0..20 {
        let image = format!("{}/team/app:v{number}", cloud.host()).parse().unwrap();
        let found = fetch.resolve(&image, ResolveMode::Descriptor).await.unwrap();
        assert!(found.descriptor.media_type.is_index());
    }
    assert_eq!(asked(&cloud), (21, 0));
}

#[tokio::test]
async fn a_refused_or_strange_list_leaves_the_questions() {
    let answers: [fn(&Asked) -> Reply; 4] = [
        |_| (403, String::new(), json!({"Code": "NoPermission", "Message": "CANARY"})),
        |_| (200, String::new(), json!({"IsSuccess": false, "Code": "REPO_NOT_EXIST"})),
        |_| (200, String::new(), json!({"IsSuccess": true, "Code": "success"})),
        |_| (200, String::new(), json!("<html>")),
    ];
    for service in [ENTERPRISE, PERSONAL] {
        for answer in answers {
            let cloud = acr(service, answer).await;
            resolve_at_destination(&client(&cloud), &cloud, 30).await;
            assert_eq!(asked(&cloud), (31, 1), "{service}");
        }
    }
}

#[tokio::test]
async fn a_list_that_is_needed_and_refused_is_told() {
    let refusals: [fn(&Asked) -> Reply; 2] = [
        |_| (403, String::new(), json!({"Code": "NoPermission", "Message": "You are not authorized. CANARY"})),
        |_| (200, String::new(), json!({"Code": "success", "CANARY": "CANARY"})),
    ];
    let mut told = String::new();
    for refusal in refusals {
        let cloud = acr(ENTERPRISE, refusal).await;
        let fetch = RegistryFetch::new(client(&cloud));
        let times = fetch.capabilities().push_times.unwrap();
        let error = times.pushed(&format!("{}/team/app:v1", cloud.host()).parse().unwrap()).await.unwrap_err();
        told += &format!("{error}\nhint: {}\n", error.hint().unwrap_or_default()).replace(cloud.host(), "HOST");
    }
    assert!(!told.contains("CANARY"), "{told}");
    insta::assert_snapshot!(told, @r"
    cannot list tags by `alibaba`: `HOST` gives no list of tags: the account lacks the right (403, `NoPermission`)
    hint: allow `cr:GetRepository` and `cr:ListRepositoryTag` to the account of the access key of `ALIBABA_CLOUD_ACCESS_KEY_ID` and its secret
    cannot list tags by `alibaba`: `http://HOST` gives an answer without a list of tags
    hint: something else may answer there: look at `endpoint` and at proxies
    ");
}
