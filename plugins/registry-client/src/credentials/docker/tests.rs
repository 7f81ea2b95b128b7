use super::*;

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, path: &str, text: &str) -> &Self {
        let path = self.0.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    fn files(&self, more: &[(&'static str, &str)]) -> DockerFiles {
        let mut variables: HashMap<String, String> = more
            .iter()
            .map(|(name, path)| ((*name).to_owned(), self.0.path().join(path).display().to_string()))
            .collect();
        variables.insert("HOME".to_owned(), self.0.path().display().to_string());
        DockerFiles::new(Arc::new(move |name| variables.get(name).cloned()), Duration::from_secs(5))
    }

    async fn username(&self, repository: &str) -> Option<String> {
        username(&self.files(&[]), repository).await
    }
}

async fn username(files: &DockerFiles, repository: &str) -> Option<String> {
    files.find(&repository.parse().unwrap()).await.unwrap().and_then(|login| login.username().map(str::to_owned))
}

/// An `auths` object with a login for each key, whose user name is the key's number.
fn auths(keys: &[&str]) -> String {
    let entry = |(at, key): (usize, &&str)| {
        let auth = base64::prelude::BASE64_STANDARD.encode(format!("u{at}:p"));
        format!("{key:?}: {{\"auth\": {auth:?}}}")
    };
    format!("{{\"auths\": {{{}}}}}", keys.iter().enumerate().map(entry).collect::<Vec<_>>().join(","))
}

#[tokio::test]
async fn the_longest_key_of_a_repository_wins() {
    let home = Home::new();
    home.file(".docker/config.json", &auths(&["quay.io", "quay.io/coreos", "quay.io/coreos/etcd"]));
    assert_eq!(home.username("quay.io/coreos/etcd").await.as_deref(), Some("u2"));
    assert_eq!(home.username("quay.io/coreos/flannel").await.as_deref(), Some("u1"));
    assert_eq!(home.username("quay.io/coreos2/x").await.as_deref(), Some("u0"));
    assert_eq!(home.username("ghcr.io/coreos/etcd").await, None);
}

#[tokio::test]
async fn the_spellings_of_docker_are_known() {
    for key in ["https://index.docker.io/v1/", "index.docker.io", "docker.io", "registry-1.docker.io"] {
        let home = Home::new();
        home.file(".docker/config.json", &auths(&[key]));
        assert_eq!(home.username("nginx").await.as_deref(), Some("u0"), "{key}");
    }
    let home = Home::new();
    home.file(".docker/config.json", &auths(&["https://harbor.corp:8443/v2/"]));
    assert_eq!(home.username("harbor.corp:8443/a/b").await.as_deref(), Some("u0"));
}

#[tokio::test]
async fn podmans_files_come_before_dockers() {
    let home = Home::new();
    home.file(".docker/config.json", &auths(&["docker.io", "quay.io"]));
    home.file("run/containers/auth.json", &auths(&["x.io", "y.io", "quay.io"]));
    let files = home.files(&[("XDG_RUNTIME_DIR", "run")]);
    assert_eq!(username(&files, "quay.io/a/b").await.as_deref(), Some("u2"));
    assert_eq!(username(&files, "nginx").await.as_deref(), Some("u0"));
    home.file("elsewhere.json", &auths(&["quay.io"]));
    let files = home.files(&[("XDG_RUNTIME_DIR", "run"), ("REGISTRY_AUTH_FILE", "elsewhere.json")]);
    assert_eq!(username(&files, "quay.io/a/b").await.as_deref(), Some("u0"));
    home.file("docker/config.json", &auths(&["a", "b", "c", "quay.io"]));
    let files = home.files(&[("DOCKER_CONFIG", "docker")]);
    assert_eq!(username(&files, "quay.io/a/b").await.as_deref(), Some("u3"));
}

#[tokio::test]
async fn tokens_are_logins_too() {
    let home = Home::new();
    let text = r#"{"auths": {
        "a.io": {"auth": "PHRva2VuPjp4", "identitytoken": "CANARY"},
        "b.io": {"auth": "PHRva2VuPjpDQU5BUlk="},
        "c.io": {"registrytoken": "CANARY"},
        "d.io": {}, "e.io": {"username": "u", "password": "p"}}}"#;
    let files = home.file(".docker/config.json", text).files(&[]);
    let find = async |name: &str| files.find(&name.parse().unwrap()).await.unwrap();
    assert_eq!(find("a.io/x").await.unwrap().identity_token().unwrap().expose(), "CANARY");
    assert_eq!(find("b.io/x").await.unwrap().identity_token().unwrap().expose(), "CANARY");
    assert_eq!(find("c.io/x").await.unwrap().registry_token().unwrap().expose(), "CANARY");
    assert!(find("d.io/x").await.is_none(), "an empty entry is no login");
    assert_eq!(find("e.io/x").await.unwrap().username(), Some("u"));
}

#[tokio::test]
async fn an_entry_is_one_login_for_all_its_repositories() {
    let home = Home::new();
    let files = home.file(".docker/config.json", &auths(&["quay.io"])).files(&[]);
    let one = files.find(&"quay.io/a/b".parse().unwrap()).await.unwrap().unwrap();
    let two = files.find(&"quay.io/c/d".parse().unwrap()).await.unwrap().unwrap();
    assert!(Arc::ptr_eq(&one, &two), "or a wrong password would be tried twice");
}

#[tokio::test]
async fn a_broken_file_is_named_and_not_quoted() {
    let home = Home::new();
    for text in [r#"{"auths": {"quay.io": {"auth": 5, "password": "CANARY"}}}"#, "{\"auths\": \"CANARY\"}", "CANARY"] {
        let files = home.file(".docker/config.json", text).files(&[]);
        let error = files.find(&"quay.io/a/b".parse().unwrap()).await.unwrap_err();
        assert!(error.message().contains("config.json"), "{error}");
        assert!(!error.message().contains("CANARY"), "{error}");
    }
    let files = home.file(".docker/config.json", r#"{"auths": {"quay.io": {"auth": "CANARY!"}}}"#).files(&[]);
    let error = files.find(&"quay.io/a/b".parse().unwrap()).await.unwrap_err();
    assert!(error.message().contains("entry `quay.io`") && !error.message().contains("CANARY"), "{error}");
}

#[tokio::test]
async fn a_helper_that_is_missing_is_named() {
    let home = Home::new();
    let text = r#"{"credHelpers": {"quay.io": "sealift-no-such-helper"}}"#;
    let files = home.file(".docker/config.json", text).files(&[]);
    let error = files.find(&"quay.io/a/b".parse().unwrap()).await.unwrap_err();
    assert!(error.message().contains("`docker-credential-sealift-no-such-helper` cannot be started"), "{error}");
    assert!(files.find(&"ghcr.io/a/b".parse().unwrap()).await.unwrap().is_none(), "others do without it");
}
