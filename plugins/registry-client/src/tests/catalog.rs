//! The catalog of a registry.

use sealift_core::error::{Error, ErrorKind, Result};

use super::{
    double::{Double, reply},
    setting::{client, client_with, hasty, login, repository},
};

/// All names, page by page.
async fn pages(double: &Double) -> Result<Vec<(Vec<String>, usize)>> {
    let mut catalog = client().catalog(&repository(&double.host(), "any"));
    let mut pages = Vec::new();
    while let Some(page) = catalog.page().await? {
        pages.push((page.repositories.iter().map(|found| found.path().to_owned()).collect(), page.skipped));
    }
    Ok(pages)
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn pages_are_read_one_after_the_other_until_there_is_no_next_one() {
    let double = Double::start(|asked| match asked.path.as_str() {
        "/v2/_catalog?n=1000" => reply(200)
            .header("link", r#"</v2/_catalog?last=b%2Fc>; rel="next""#)
            .json(r#"{"repositories":["a","b/c"]}"#),
        "/v2/_catalog?last=b%2Fc" => reply(200).json(r#"{"repositories":["d", null, "UP", "../x", "a/_catalog"]}"#),
        _ => reply(404),
    })
    .await;
    assert_eq!(pages(&double).await.unwrap(), [(names(&["a", "b/c"]), 0), (names(&["d"]), 4)]);
}

#[tokio::test]
async fn a_page_is_not_asked_for_before_it_is_wanted() {
    let double = Double::start(|_| {
        reply(200).header("link", r#"</v2/_catalog?last=a>; rel="next""#).json(r#"{"repositories":["a"]}"#)
    })
    .await;
    let mut catalog = client().catalog(&repository(&double.host(), "any"));
    catalog.page().await.unwrap().unwrap();
    assert_eq!(double.count("GET", "_catalog"), 1);
}

async fn error_of(status: u16, body: &'static str) -> Error {
    let double = Double::start(move |_| reply(status).json(body)).await;
    pages(&double).await.unwrap_err()
}

#[tokio::test]
async fn a_registry_without_a_catalog_says_so() {
    for status in [404, 405] {
        let error = error_of(status, "{}").await;
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.message().ends_with("it has no catalog") && error.hint().is_some(), "{error}");
    }
}

#[tokio::test]
async fn one_that_shows_it_to_others_only_is_explained() {
    let error = error_of(403, r#"{"errors":[{"code":"DENIED"}]}"#).await;
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(error.hint().unwrap().contains("administrators"));
}

#[tokio::test]
async fn what_is_no_catalog_is_refused() {
    assert!(error_of(200, "<html>").await.message().contains("is no catalog"));
    assert!(error_of(200, r#"{"repositories":{}}"#).await.message().contains("is no catalog"));
    let circle = Double::start(|_| {
        reply(200).header("link", r#"</v2/_catalog?same>; rel="next""#).json(r#"{"repositories":["a"]}"#)
    })
    .await;
    assert!(pages(&circle).await.unwrap_err().message().contains("circle"));
}

#[tokio::test]
async fn the_scope_is_that_of_the_catalog() {
    let double = Double::start(|asked| match asked.authorized() {
        _ if asked.path.starts_with("/token") => reply(200).json(r#"{"token":"t"}"#),
        true => reply(200).json(r#"{"repositories":["a"]}"#),
        false => {
            let realm = format!("Bearer realm=\"http://{}/token\",service=\"s\"", asked.header("host").unwrap());
            reply(401).header("www-authenticate", realm)
        }
    })
    .await;
    let client = client_with(&[(&double.host(), login("bot", "pw"))], hasty());
    let mut catalog = client.catalog(&repository(&double.host(), "any"));
    assert_eq!(catalog.page().await.unwrap().unwrap().repositories.len(), 1);
    let asked = double.asked();
    let token = asked.iter().find(|asked| asked.path.starts_with("/token")).unwrap();
    assert!(token.path.contains("scope=registry%3Acatalog%3A*"), "{}", token.path);
}

#[tokio::test]
async fn a_registry_that_refuses_a_size_of_pages_is_asked_without() {
    let double = Double::start(|asked| match asked.path.as_str() {
        "/v2/_catalog" => reply(200).json(r#"{"repositories":["a/b"]}"#),
        _ => reply(400).json(r#"{"errors":[{"code":"PAGINATION_NUMBER_INVALID"}]}"#),
    })
    .await;
    let mut catalog = client().catalog(&repository(&double.host(), "x"));
    let page = catalog.page().await.unwrap().unwrap();
    assert_eq!(page.repositories, [repository(&double.host(), "a/b")]);
}
