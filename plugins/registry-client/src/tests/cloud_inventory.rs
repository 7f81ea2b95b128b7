//! Lists of tags that belong to a login.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use sealift_core::{
    async_trait,
    content::{Digest, MediaType, Repository, well_known},
    error::{Error, ErrorKind, Result},
    login::{ListedTag, Login, LoginInventory, LoginProvider, TagPage},
    secret::Secret,
    stage::{Fetch, Push, ResolveMode},
};

use super::{double::*, setting::*};
use crate::{Client, HostConfig};

const TAGS: usize = 250;

fn digest(number: usize) -> Digest {
    Digest::of(&number.to_le_bytes())
}

fn pushed(number: usize) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_700_000_000 + number as u64)
}

/// A cloud whose list has pages of a hundred, the second of them empty.
struct Cloud {
    tells_media_types: bool,
    /// The number of the page that is refused.
    refuses: Option<usize>,
    asked: Mutex<Vec<Option<String>>>,
}

impl Cloud {
    fn new(tells_media_types: bool, refuses: Option<usize>) -> Arc<Self> {
        Arc::new(Self { tells_media_types, refuses, asked: Mutex::default() })
    }

    fn pages(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

#[async_trait]
impl LoginProvider for Cloud {
    async fn get(&self, _: &Repository) -> Result<Option<Login>> {
        Ok(Some(Login::basic("cloud", Secret::new("password"), "the cloud")))
    }

    async fn invalidate(&self, _: &Login) {}

    fn inventory(&self) -> Option<&dyn LoginInventory> {
        Some(self)
    }
}

#[async_trait]
impl LoginInventory for Cloud {
    fn tells_media_types(&self) -> bool {
        self.tells_media_types
    }

    async fn page(&self, repository: &Repository, next: Option<&str>) -> Result<Option<TagPage>> {
        self.asked.lock().unwrap().push(next.map(str::to_owned));
        let number = next.map_or(1, |mark| mark.strip_prefix("page ").unwrap().parse().unwrap());
        if repository.path() == "public/app" {
            return Ok(None);
        }
        if self.refuses == Some(number) {
            return Err(Error::new(ErrorKind::Denied, "the account lacks the right"));
        }
        let numbers = match number {
            1 => 0..100,
            2 => 100..100,
            page => (page - 2) * 100..TAGS.min((page - 1) * 100),
        };
        let next = (numbers.end < TAGS).then(|| format!("page {}", number + 1));
        let media_type = if self.tells_media_types { well_known::OCI_INDEX } else { MediaType::default() };
        let tags = numbers.map(|number| {
            let tag = ListedTag::new(format!("v{number}").parse().unwrap(), digest(number));
            tag.with_media_type(media_type.clone()).with_pushed(Some(pushed(number)))
        });
        Ok(Some(TagPage::new(tags.collect(), next)))
    }
}

/// A registry that wants the login, or none.
async fn registry(is_open: bool) -> Double {
    let good = format!("Basic {}", BASE64_STANDARD.encode("cloud:password"));
    Double::start(move |asked| {
        if !is_open && asked.header("authorization") != Some(&good) {
            return reply(401).header("www-authenticate", "Basic realm=\"x\"");
        }
        let Some((_, tag)) = asked.path.split_once("/manifests/v") else { return reply(200) };
        let found = reply(200).header("content-type", well_known::OCI_INDEX.as_str());
        found.header("docker-content-digest", digest(tag.parse().unwrap()))
    })
    .await
}

fn client_of(cloud: &Arc<Cloud>) -> Arc<Client> {
    let client = Client::builder().without_environment().login(Arc::clone(cloud) as _);
    Arc::new(client.build().unwrap())
}

async fn resolve_at_source(client: &Arc<Client>, host: &str, path: &str, tags: usize) {
    let fetch = fetch_of(client);
    for number in 0..tags {
        let image = image_at(host, &format!("{path}:v{number}"));
        let found = fetch.resolve(&image, ResolveMode::Descriptor).await.unwrap().descriptor;
        assert_eq!((found.digest, found.media_type), (digest(number), well_known::OCI_INDEX));
    }
}

async fn resolve_at_destination(client: &Arc<Client>, host: &str, tags: usize) {
    let push = push_of(client);
    for number in 0..tags {
        let found = push.resolve(&image_at(host, &format!("team/app:v{number}"))).await.unwrap().unwrap();
        assert_eq!(found.digest, digest(number));
    }
}

#[tokio::test]
async fn a_list_of_the_cloud_takes_the_place_of_questions_on_both_sides() {
    let (double, cloud) = (registry(false).await, Cloud::new(true, None));
    let client = client_of(&cloud);
    resolve_at_source(&client, &double.host(), "team/app", TAGS).await;
    // Three questions for each of the four pages, one that the empty page does not answer, and two by which the login is found.
    assert_eq!((cloud.pages(), double.count("HEAD", "")), (4, 15));
    resolve_at_destination(&client, &double.host(), TAGS).await;
    assert_eq!((cloud.pages(), double.count("HEAD", "")), (4, 15));
    let marks = ["page 2", "page 3", "page 4"].map(|mark| Some(mark.to_owned()));
    assert_eq!(cloud.asked.lock().unwrap()[1..], marks);
}

#[tokio::test]
async fn a_list_without_media_types_is_for_destinations() {
    let (double, cloud) = (registry(false).await, Cloud::new(false, None));
    let client = client_of(&cloud);
    resolve_at_source(&client, &double.host(), "team/app", 20).await;
    assert_eq!((cloud.pages(), double.count("HEAD", "")), (0, 21));
    resolve_at_destination(&client, &double.host(), TAGS).await;
    assert_eq!((cloud.pages(), double.count("HEAD", "")), (4, 21 + 13));
}

#[tokio::test]
async fn a_refusal_of_the_cloud_leaves_the_questions_and_is_not_repeated() {
    for (refuses, path) in [(Some(1), "team/app"), (None, "public/app")] {
        let (double, cloud) = (registry(false).await, Cloud::new(true, refuses));
        resolve_at_source(&client_of(&cloud), &double.host(), path, 40).await;
        assert_eq!((cloud.pages(), double.count("HEAD", "")), (1, 41));
    }
}

// Its keys may be those of another account than the login that is in use.
#[tokio::test]
async fn only_the_login_that_is_in_use_is_asked_for_a_list() {
    let (double, cloud) = (registry(true).await, Cloud::new(true, None));
    resolve_at_source(&client_of(&cloud), &double.host(), "team/app", 20).await;
    assert_eq!((cloud.pages(), double.count("HEAD", "")), (0, 20), "no login was needed");
    let double = registry(false).await;
    let config = HostConfig::default().login("cloud", "password");
    let client = Client::builder().without_environment().login(Arc::clone(&cloud) as _).host(double.host(), config);
    resolve_at_source(&Arc::new(client.build().unwrap()), &double.host(), "team/app", 20).await;
    assert_eq!((cloud.pages(), double.count("HEAD", "")), (0, 21), "another login was used");
}

#[tokio::test]
async fn the_cloud_tells_when_tags_were_pushed() {
    let (double, cloud) = (registry(false).await, Cloud::new(false, None));
    let fetch = fetch_of(&client_of(&cloud));
    let times = fetch.capabilities().push_times.unwrap();
    for number in [3, 222] {
        let found = times.pushed(&image_at(&double.host(), &format!("team/app:v{number}"))).await.unwrap();
        assert_eq!(found, Some(pushed(number)));
    }
    assert_eq!(times.pushed(&image_at(&double.host(), "team/app:absent")).await.unwrap(), None);
    assert_eq!((cloud.pages(), double.asked().len()), (4, 0));
    let cloud = Cloud::new(false, Some(1));
    let fetch = fetch_of(&client_of(&cloud));
    let times = fetch.capabilities().push_times.unwrap();
    let error = times.pushed(&image_at(&double.host(), "team/app:v3")).await.unwrap_err();
    assert_eq!(error.message(), "the account lacks the right");
}
