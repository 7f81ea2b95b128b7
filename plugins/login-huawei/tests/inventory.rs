//! The list of tags of SWR, at a double of a registry and of the API.

use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use sealift_conformance::Given;
use sealift_core::{
    content::{Digest, MediaType, well_known},
    stage::{Fetch, Push, ResolveMode},
};
use sealift_login_huawei as _;
use sealift_registry_client::{Client, RegistryFetch, RegistryPush, TargetNaming};
use sealift_testkit::cloud::{Asked, Cloud, Reply};
use serde_json::{Value, json};

const TAGS: usize = 250;
const LIST: &str = "/v2/manage/namespaces/team/repos/web%24app/tags?limit=100&offset=";

fn digest(number: usize) -> Digest {
    Digest::of(&number.to_le_bytes())
}

/// Even tags are indexes.
fn media_type(number: usize) -> MediaType {
    if number.is_multiple_of(2) { well_known::OCI_INDEX } else { well_known::OCI_MANIFEST }
}

/// The tags as documented.
fn listed(asked: &Asked) -> Reply {
    let first: usize = asked.path.strip_prefix(LIST).expect(&asked.path).parse().unwrap();
    let tags = (first..TAGS.min(first + 100)).map(|number| {
        let pushed = format!("2023-11-14T{:02}:{:02}:20.000001Z", number / 60, number % 60);
        json!({
            "id": number, "repo_id": 7, "Tag": format!("v{number}"), "image_id": "45023655", "manifest": "{}",
            "digest": digest(number).to_string(), "schema": 2, "path": "swr.cn-north-4.myhuaweicloud.com/team/web/app",
            "internal_path": "", "size": 27_107_966, "is_trusted": false, "created": "2018-11-07T02:55:20Z",
            "updated": pushed, "deleted": Value::Null, "domain_id": "", "scanned": false, "tag_type": (number + 1) % 2,
        })
    });
    (200, String::new(), Value::Array(tags.collect()))
}

async fn swr(list: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Cloud {
    Cloud::with_headers(move |asked| {
        let authorization = asked.header("authorization");
        if let Some((_, tag)) = asked.path.split_once("/manifests/v") {
            if !authorization.starts_with("Basic ") {
                return (401, vec![("www-authenticate", "Basic realm=\"swr\"".to_owned())], Value::Null);
            }
            let number = tag.parse().unwrap();
            let headers = vec![
                ("content-type", media_type(number).to_string()),
                ("docker-content-digest", digest(number).to_string()),
            ];
            return (200, headers, json!("x"));
        }
        let signed = "SDK-HMAC-SHA256 Access=AK-test, SignedHeaders=x-sdk-date, Signature=";
        assert!(authorization.starts_with(signed) && !authorization.contains("CANARY"), "{authorization}");
        let (status, _, body) = list(asked);
        (status, Vec::new(), body)
    })
    .await
}

fn client(cloud: &Cloud) -> Arc<Client> {
    let (host, url) = (cloud.host(), cloud.url());
    let table =
        format!("[[login]]\nuse = \"huawei\"\nhosts = [\"{host}\"]\nregion = \"cn-north-4\"\nendpoint = \"{url}\"\n");
    let given = Given::new(table).env("HUAWEICLOUD_SDK_AK", "AK-test").env("HUAWEICLOUD_SDK_SK", "CANARY");
    let login = Arc::clone(&given.loaded().unwrap().logins[0].stage);
    Arc::new(Client::builder().without_environment().login(login).build().unwrap())
}

/// The number of questions for tags, and of those for the list.
fn asked(cloud: &Cloud) -> (usize, usize) {
    (cloud.asked("/v2/team/web/app/manifests/").len(), cloud.asked("/v2/manage/").len())
}

async fn resolve_at_source(client: &Arc<Client>, cloud: &Cloud, tags: usize) {
    let fetch = RegistryFetch::new(Arc::clone(client));
    for number in 0..tags {
        let image = format!("{}/team/web/app:v{number}", cloud.host()).parse().unwrap();
        let found = fetch.resolve(&image, ResolveMode::Descriptor).await.unwrap().descriptor;
        assert_eq!((found.digest, found.media_type), (digest(number), media_type(number)), "v{number}");
    }
}

#[tokio::test]
async fn a_rerun_takes_a_few_questions_and_the_pages() {
    let cloud = swr(listed).await;
    let client = client(&cloud);
    resolve_at_source(&client, &cloud, TAGS).await;
    // Three questions for each page, and two by which the login is found.
    assert_eq!(asked(&cloud), (11, 3));
    let push = RegistryPush::new(Arc::clone(&client), TargetNaming::Targets);
    for number in 0..TAGS {
        let found = push.resolve(&format!("{}/team/web/app:v{number}", cloud.host()).parse().unwrap()).await;
        assert_eq!(found.unwrap().unwrap().digest, digest(number));
    }
    assert_eq!(asked(&cloud), (11, 3));
}

#[tokio::test]
async fn the_list_tells_when_tags_were_pushed() {
    let cloud = swr(listed).await;
    let fetch = RegistryFetch::new(client(&cloud));
    let times = fetch.capabilities().push_times.unwrap();
    let pushed = times.pushed(&format!("{}/team/web/app:v121", cloud.host()).parse().unwrap()).await.unwrap();
    // 2023-11-14, 02:01:20 and a microsecond.
    assert_eq!(pushed, Some(UNIX_EPOCH + Duration::from_micros(1_699_927_280_000_001)));
}

#[tokio::test]
async fn a_refused_or_strange_list_leaves_the_questions() {
    let answers: [fn(&Asked) -> Reply; 4] = [
        |_| (401, String::new(), json!({"error_msg": "Incorrect IAM authentication", "error_code": "APIGW.0301"})),
        |_| (403, String::new(), json!({"errors": [{"errorCode": "SVCSTG.SWR.4030001", "errorMessage": "CANARY"}]})),
        |_| (200, String::new(), json!({})),
        |_| (200, String::new(), json!("<html>")),
    ];
    for answer in answers {
        let cloud = swr(answer).await;
        resolve_at_source(&client(&cloud), &cloud, 30).await;
        assert_eq!(asked(&cloud), (31, 1));
    }
}

#[tokio::test]
async fn a_list_that_is_needed_and_refused_is_told() {
    let cloud = swr(|_| {
        let error = json!({"errorCode": "SVCSTG.SWR.4030001", "errorMessage": "CANARY"});
        (403, String::new(), json!({"errors": [error]}))
    })
    .await;
    let fetch = RegistryFetch::new(client(&cloud));
    let times = fetch.capabilities().push_times.unwrap();
    let error = times.pushed(&format!("{}/team/web/app:v1", cloud.host()).parse().unwrap()).await.unwrap_err();
    let told = format!("{error}\nhint: {}", error.hint().unwrap_or_default()).replace(cloud.host(), "HOST");
    insta::assert_snapshot!(told, @r"
    cannot list tags by `huawei`: `HOST` gives no list of tags: the account lacks the right (403, `SVCSTG.SWR.4030001`)
    hint: allow reading of the images of the organization to the account of the access key of `HUAWEICLOUD_SDK_AK` and its secret
    ");
}
