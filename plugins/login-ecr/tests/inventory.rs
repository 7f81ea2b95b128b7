//! The list of tags of ECR, at a double of a registry and of the API.

use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use sealift_conformance::Given;
use sealift_core::{
    content::{Digest, MediaType, well_known},
    login::LoginProvider,
    stage::{Fetch, Push, ResolveMode},
};
use sealift_login_ecr as _;
use sealift_registry_client::{Client, RegistryFetch, RegistryPush, TargetNaming};
use sealift_testkit::cloud::{Asked, Cloud, Reply};
use serde_json::{Value, json};

/// Tags of the repository, two for each image.
const TAGS: usize = 5000;
/// The number of an image in the archive, which the registry does not give.
const ARCHIVED: usize = 17;

fn digest(image: usize) -> Digest {
    Digest::of(&image.to_le_bytes())
}

/// Even images are indexes.
fn media_type(image: usize) -> MediaType {
    if image.is_multiple_of(2) { well_known::OCI_INDEX } else { well_known::DOCKER_MANIFEST }
}

/// The images as documented, a thousand in a page.
fn images(asked: &Asked) -> Reply {
    let body: Value = serde_json::from_str(&asked.body).unwrap();
    let wanted = json!({"repositoryName": "team/app", "maxResults": 1000, "filter": {"tagStatus": "TAGGED"}});
    let without_token = body.as_object().unwrap().iter().filter(|(name, _)| *name != "nextToken");
    assert_eq!(without_token.map(|(name, value)| (name.clone(), value.clone())).collect::<Value>(), wanted);
    let first: usize =
        body["nextToken"].as_str().map_or(0, |token| token.strip_prefix("opaque=/").unwrap().parse().unwrap());
    let last = (first + 1000).min(TAGS / 2);
    let details = (first..last).map(|image| {
        json!({
            "registryId": "123456789012", "repositoryName": "team/app", "imageDigest": digest(image).to_string(),
            "imageTags": [format!("v{}", 2 * image), format!("v{}", 2 * image + 1)], "imageSizeInBytes": 27_107_966,
            "imagePushedAt": 1_700_000_000.5 + f64::from(u32::try_from(image).unwrap()),
            "imageManifestMediaType": media_type(image).as_str(),
            "artifactMediaType": "application/vnd.docker.container.image.v1+json",
            "imageStatus": if image == ARCHIVED { "ARCHIVED" } else { "ACTIVE" },
        })
    });
    let mut body = json!({"imageDetails": details.collect::<Vec<_>>()});
    if last < TAGS / 2 {
        body["nextToken"] = format!("opaque=/{last}").into();
    }
    (200, String::new(), body)
}

async fn ecr(list: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Cloud {
    let good = format!("Basic {}", BASE64_STANDARD.encode("AWS:s3cret"));
    Cloud::with_headers(move |asked| {
        let authorization = asked.header("authorization");
        if let Some((_, tag)) = asked.path.split_once("/manifests/v") {
            let image = tag.parse::<usize>().unwrap() / 2;
            return match authorization == good {
                true if image == ARCHIVED => (404, Vec::new(), Value::Null),
                true => {
                    let headers = vec![
                        ("content-type", media_type(image).to_string()),
                        ("docker-content-digest", digest(image).to_string()),
                    ];
                    (200, headers, json!("x"))
                }
                false => (401, vec![("www-authenticate", "Basic realm=\"ecr\"".to_owned())], Value::Null),
            };
        }
        assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIA/"), "{authorization}");
        assert!(authorization.contains("x-amz-target") && !authorization.contains("CANARY"), "{authorization}");
        match asked.header("x-amz-target") {
            "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken" => {
                let data =
                    json!({"authorizationToken": BASE64_STANDARD.encode("AWS:s3cret"), "expiresAt": 4_102_444_800_i64});
                (200, Vec::new(), json!({"authorizationData": [data]}))
            }
            "AmazonEC2ContainerRegistry_V20150921.DescribeImages" => {
                let (status, _, body) = list(asked);
                (status, Vec::new(), body)
            }
            other => panic!("{other}"),
        }
    })
    .await
}

fn login(hosts: &str, url: &str) -> Arc<dyn LoginProvider> {
    let table =
        format!("[[login]]\nuse = \"ecr\"\nhosts = [\"{hosts}\"]\nregion = \"eu-west-1\"\nendpoint = \"{url}\"\n");
    let given = Given::new(table).env("AWS_ACCESS_KEY_ID", "AKIA").env("AWS_SECRET_ACCESS_KEY", "CANARY");
    Arc::clone(&given.loaded().unwrap().logins[0].stage)
}

fn client(cloud: &Cloud) -> Arc<Client> {
    let client = Client::builder().without_environment().login(login(cloud.host(), &cloud.url()));
    Arc::new(client.build().unwrap())
}

/// The number of questions for tags, and of those for the list.
fn asked(cloud: &Cloud) -> (usize, usize) {
    let lists = cloud.asked("/").into_iter().filter(|asked| asked.header("x-amz-target").ends_with(".DescribeImages"));
    (cloud.asked("/v2/team/app/manifests/").len(), lists.count())
}

async fn resolve_at_source(client: &Arc<Client>, cloud: &Cloud, tags: std::ops::Range<usize>) {
    let fetch = RegistryFetch::new(Arc::clone(client));
    for number in tags.filter(|number| number / 2 != ARCHIVED) {
        let image = format!("{}/team/app:v{number}", cloud.host()).parse().unwrap();
        let found = fetch.resolve(&image, ResolveMode::Descriptor).await.unwrap().descriptor;
        assert_eq!((found.digest, found.media_type), (digest(number / 2), media_type(number / 2)), "v{number}");
    }
}

#[tokio::test]
async fn a_rerun_takes_a_few_questions_and_pages_of_a_thousand_images() {
    let cloud = ecr(images).await;
    let client = client(&cloud);
    resolve_at_source(&client, &cloud, 0..TAGS).await;
    // Three questions for each page, and two by which the login is found.
    assert_eq!(asked(&cloud), (11, 3));
    let push = RegistryPush::new(Arc::clone(&client), TargetNaming::Targets);
    for number in 100..TAGS {
        let found = push.resolve(&format!("{}/team/app:v{number}", cloud.host()).parse().unwrap()).await;
        assert_eq!(found.unwrap().unwrap().digest, digest(number / 2));
    }
    assert_eq!(asked(&cloud), (11, 3));
    let archived = format!("{}/team/app:v{}", cloud.host(), 2 * ARCHIVED).parse().unwrap();
    assert!(push.resolve(&archived).await.unwrap().is_none(), "it cannot be pulled");
}

#[tokio::test]
async fn the_list_tells_when_images_were_pushed() {
    let cloud = ecr(images).await;
    let fetch = RegistryFetch::new(client(&cloud));
    let times = fetch.capabilities().push_times.unwrap();
    for number in [7, 4321] {
        let image = format!("{}/team/app:v{number}", cloud.host()).parse().unwrap();
        let pushed = UNIX_EPOCH + Duration::from_millis(1_700_000_000_500) + Duration::from_secs(number / 2);
        assert_eq!(times.pushed(&image).await.unwrap(), Some(pushed));
    }
}

#[tokio::test]
async fn a_refused_or_strange_list_leaves_the_questions() {
    let answers: [fn(&Asked) -> Reply; 4] = [
        |_| (400, String::new(), json!({"__type": "AccessDeniedException", "message": "CANARY"})),
        |_| (400, String::new(), json!({"__type": "RepositoryNotFoundException"})),
        |_| (200, String::new(), json!({})),
        |_| (200, String::new(), json!("<html>")),
    ];
    for answer in answers {
        let cloud = ecr(answer).await;
        resolve_at_source(&client(&cloud), &cloud, 0..30).await;
        assert_eq!(asked(&cloud), (31, 1));
    }
}

#[tokio::test]
async fn a_list_that_is_needed_and_refused_is_told() {
    let cloud = ecr(|_| {
        let message = "User: arn:aws:iam::1:user/CANARY is not authorized to perform: ecr:DescribeImages";
        (400, String::new(), json!({"__type": "AccessDeniedException", "message": message}))
    })
    .await;
    let fetch = RegistryFetch::new(client(&cloud));
    let times = fetch.capabilities().push_times.unwrap();
    let error = times.pushed(&format!("{}/team/app:v1", cloud.host()).parse().unwrap()).await.unwrap_err();
    let told = format!("{error}\nhint: {}", error.hint().unwrap_or_default()).replace(cloud.host(), "HOST");
    insta::assert_snapshot!(told, @r"
    cannot list tags by `ecr`: `HOST` gives no list of tags: the account lacks the right (400, `AccessDeniedException`)
    hint: allow `ecr:DescribeImages` to the account of the access key of `AWS_ACCESS_KEY_ID`
    ");
}

#[tokio::test]
async fn the_account_of_the_registry_is_named_and_public_ecr_is_not_asked() {
    let cloud = Cloud::start(|asked| {
        let body: Value = serde_json::from_str(&asked.body).unwrap();
        assert_eq!(body["registryId"], "123456789012");
        (200, String::new(), json!({"imageDetails": [{"imageDigest": digest(1).to_string()}]}))
    })
    .await;
    let login = login("*", &cloud.url());
    let list = login.inventory().unwrap();
    let private = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/app".parse().unwrap();
    assert!(list.page(&private, None).await.unwrap().unwrap().tags.is_empty(), "an image without tags");
    assert!(list.page(&"public.ecr.aws/nginx/nginx".parse().unwrap(), None).await.unwrap().is_none());
    assert_eq!(cloud.asked("/").len(), 1);
}
