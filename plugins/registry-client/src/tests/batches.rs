//! One token for several repositories, and hosts that do not take one.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use sealift_core::stage::UploadStart;
use sealift_testkit::{registry::Registry, token_service::TokenService};

use super::{double::*, logging_in::behind_tokens, setting::*};
use crate::auth::RepositoryAccess;

/// Brings a blob to each of these repositories, which were told beforehand.
async fn run(host: &str, repositories: usize) {
    let client = client_with(&[(host, login("bot", "secret"))], hasty());
    let all: Vec<_> = (0..repositories).map(|at| repository(host, &format!("team/app{at}"))).collect();
    all.iter().for_each(|at| client.announce(at, RepositoryAccess::Push));
    let push = push_of(&client);
    for (number, at) in all.iter().enumerate() {
        assert_eq!(send(&push, at, &noise(100 + number)).await.unwrap(), "sent");
    }
}

#[tokio::test]
async fn one_question_serves_a_handful_of_repositories() {
    let Some((registry, service)) = behind_tokens(&[("bot", "secret")]).await else { return };
    run(&registry.host(), 20).await;
    let scopes: Vec<usize> = service.asked().iter().map(|asked| asked.scopes.len()).collect();
    assert_eq!(scopes, [16, 4]);
}

#[tokio::test]
async fn a_mount_between_two_of_a_batch_needs_no_further_token() {
    let Some((registry, service)) = behind_tokens(&[("bot", "secret")]).await else { return };
    let client = client_with(&[(&registry.host(), login("bot", "secret"))], hasty());
    let (a, b) = (repository(&registry.host(), "a/one"), repository(&registry.host(), "b/two"));
    [&a, &b].iter().for_each(|at| client.announce(at, RepositoryAccess::Push));
    let push = push_of(&client);
    send(&push, &a, &noise(100)).await.unwrap();
    assert!(matches!(push.offer(&b, &layer(&noise(100)), Some(&a)).await.unwrap(), UploadStart::Mounted));
    assert_eq!(service.asked().len(), 1);
}

#[tokio::test]
async fn one_forbidden_repository_of_a_batch_does_not_spoil_the_others() {
    let Some((registry, service)) = behind_tokens(&[("bot", "secret")]).await else { return };
    service.rights(|_, repository, _| repository != "team/app1");
    let client = client_with(&[(&registry.host(), login("bot", "secret"))], hasty());
    let all: Vec<_> = (0..3).map(|at| repository(&registry.host(), &format!("team/app{at}"))).collect();
    all.iter().for_each(|at| client.announce(at, RepositoryAccess::Push));
    let push = push_of(&client);
    let mut sent = Vec::new();
    for at in &all {
        sent.push(send(&push, at, &noise(100)).await.is_ok());
    }
    assert_eq!(sent, [true, false, true]);
    assert_eq!(service.asked().len(), 3, "the batch, and one that it did not open: alone, and renewed once as any");
}

/// A registry whose token service deals with several scopes in its own way; every token is the scopes that it opens.
async fn odd(tokens: impl Fn(&[String]) -> Reply + Send + Sync + 'static) -> Double {
    Double::start(move |asked| {
        let host = asked.header("host").unwrap_or_default();
        if let Some(query) = asked.path.strip_prefix("/token?") {
            let pairs = url::form_urlencoded::parse(query.as_bytes());
            let scopes: Vec<String> =
                pairs.filter(|(key, _)| key == "scope").map(|(_, scope)| scope.into_owned()).collect();
            return tokens(&scopes);
        }
        let token = asked.header("authorization").unwrap_or_default();
        let opened = asked.path.strip_prefix("/v2/").and_then(|path| path.split_once("/blobs/")).map(|(name, _)| name);
        match asked.method.as_str() {
            _ if !opened.is_some_and(|name| token.contains(&format!(":{name}:"))) => {
                let challenge = format!(r#"Bearer realm="http://{host}/token",service="odd""#);
                reply(401).header("www-authenticate", challenge)
            }
            "POST" => reply(202).header("location", asked.path.split('?').next().unwrap_or_default().to_owned() + "1"),
            "PUT" => reply(201),
            _ => reply(404),
        }
    })
    .await
}

fn token(scopes: &[String]) -> Reply {
    reply(200).json(&format!(r#"{{"token":"{}"}}"#, scopes.join(",")))
}

#[tokio::test]
async fn where_several_scopes_are_refused_each_repository_gets_its_own_token() {
    let double = odd(|scopes| if scopes.len() > 1 { reply(400) } else { token(scopes) }).await;
    run(&double.host(), 6).await;
    assert_eq!(double.count("GET", "/token"), 7, "asked once for several, then for each");
}

#[tokio::test]
async fn where_only_the_first_scope_counts_each_repository_gets_its_own_token() {
    let double = odd(|scopes| token(&scopes[..1])).await;
    run(&double.host(), 6).await;
    assert_eq!(double.count("GET", "/token"), 6, "the batch opened the first, and the second found out");
}

#[tokio::test]
async fn repositories_with_other_logins_are_in_other_tokens() {
    let service = TokenService::start(&[("one", "1"), ("two", "2")]).await;
    let Some(registry) = Registry::with().token(service.auth()).start() else { return };
    let host = registry.host();
    let entry = |name: &str, login: &str| format!(r#""{host}/{name}":{{"auth":"{}"}}"#, BASE64_STANDARD.encode(login));
    let file = tempfile::NamedTempFile::new().unwrap();
    let auths = format!(r#"{{"auths":{{{},{}}}}}"#, entry("one", "one:1"), entry("two", "two:2"));
    std::fs::write(file.path(), auths).unwrap();
    let env = [("REGISTRY_AUTH_FILE", file.path().to_str().unwrap())];
    let client = client_in(&[], hasty(), std::path::Path::new("/nonexistent"), &env);
    let all = ["one/a", "two/a", "one/b", "two/b"].map(|path| repository(&host, path));
    all.iter().for_each(|at| client.announce(at, RepositoryAccess::Push));
    let push = push_of(&client);
    for at in &all {
        send(&push, at, &noise(100)).await.unwrap();
    }
    let asked: Vec<_> = service.asked().iter().map(|asked| (asked.user.clone().unwrap(), asked.scopes.len())).collect();
    assert_eq!(asked, [("one".to_owned(), 2), ("two".to_owned(), 2)]);
}
