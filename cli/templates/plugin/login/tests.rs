use sealift_core::login::{LoginKind, LoginProvider};

use super::TokenFile;

async fn password(login: &TokenFile) -> Option<String> {
    let repository = "registry.acme.example/app".parse().unwrap();
    let login = login.get(&repository).await.unwrap()?;
    match login.kind {
        LoginKind::Basic { password, .. } => Some(password.expose().to_owned()),
        _ => None,
    }
}

#[tokio::test]
async fn the_token_is_what_the_file_has_now() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("token");
    let login = TokenFile {
        path: path.clone(),
        username: "token".to_owned(),
    };
    std::fs::write(&path, "one\n").unwrap();
    assert_eq!(password(&login).await.as_deref(), Some("one"));
    std::fs::write(&path, "two\n").unwrap();
    assert_eq!(password(&login).await.as_deref(), Some("two"));
}

#[tokio::test]
async fn a_file_that_is_not_there_is_an_error_that_names_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("token");
    let login = TokenFile {
        path: path.clone(),
        username: "token".to_owned(),
    };
    let repository = "registry.acme.example/app".parse().unwrap();
    let error = login.get(&repository).await.unwrap_err();
    let name = path.display().to_string();
    assert!(error.to_string().contains(&name), "{error}");
}
