use base64::Engine as _;

use super::{
    super::{account, identity_token, registry_token},
    *,
};

const HELPER_LIMIT: Duration = Duration::from_millis(1500);

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
        let path = std::env::var("PATH").unwrap_or_default();
        variables.insert("PATH".to_owned(), format!("{}:{path}", self.0.path().join("bin").display()));
        DockerFiles::new(Arc::new(move |name| variables.get(name).cloned()), HELPER_LIMIT)
    }

    /// A credential helper that runs this script.
    fn helper(&self, name: &str, script: &str) -> &Self {
        use std::os::unix::fs::PermissionsExt as _;
        let file = format!("bin/docker-credential-{name}");
        self.file(&file, &format!("#!/bin/sh\n{script}\n"));
        std::fs::set_permissions(self.0.path().join(file), std::fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    async fn username(&self, repository: &str) -> Option<String> {
        username(&self.files(&[]), repository).await
    }
}

async fn username(files: &DockerFiles, repository: &str) -> Option<String> {
    files.get(&repository.parse().unwrap()).await.unwrap().and_then(|login| account(&login).map(str::to_owned))
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
    let find = async |name: &str| files.get(&name.parse().unwrap()).await.unwrap();
    assert_eq!(identity_token(&find("a.io/x").await.unwrap()).unwrap().expose(), "CANARY");
    assert_eq!(identity_token(&find("b.io/x").await.unwrap()).unwrap().expose(), "CANARY");
    assert_eq!(registry_token(&find("c.io/x").await.unwrap()).unwrap().expose(), "CANARY");
    assert!(find("d.io/x").await.is_none(), "an empty entry is no login");
    assert_eq!(account(&find("e.io/x").await.unwrap()), Some("u"));
}

#[tokio::test]
async fn an_entry_is_one_login_for_all_its_repositories() {
    let home = Home::new();
    let files = home.file(".docker/config.json", &auths(&["quay.io"])).files(&[]);
    let one = files.get(&"quay.io/a/b".parse().unwrap()).await.unwrap().unwrap();
    let two = files.get(&"quay.io/c/d".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(one, two, "or a wrong password would be tried twice");
}

#[tokio::test]
async fn a_broken_file_is_named_and_not_quoted() {
    let home = Home::new();
    for text in [r#"{"auths": {"quay.io": {"auth": 5, "password": "CANARY"}}}"#, "{\"auths\": \"CANARY\"}", "CANARY"] {
        let files = home.file(".docker/config.json", text).files(&[]);
        let error = files.get(&"quay.io/a/b".parse().unwrap()).await.unwrap_err();
        assert!(error.message().contains("config.json"), "{error}");
        assert!(!error.message().contains("CANARY"), "{error}");
    }
    let files = home.file(".docker/config.json", r#"{"auths": {"quay.io": {"auth": "CANARY!"}}}"#).files(&[]);
    let error = files.get(&"quay.io/a/b".parse().unwrap()).await.unwrap_err();
    assert!(error.message().contains("entry `quay.io`") && !error.message().contains("CANARY"), "{error}");
}

#[tokio::test]
async fn a_helper_that_is_missing_is_named() {
    let home = Home::new();
    let text = r#"{"credHelpers": {"quay.io": "sealift-no-such-helper"}}"#;
    let files = home.file(".docker/config.json", text).files(&[]);
    let error = files.get(&"quay.io/a/b".parse().unwrap()).await.unwrap_err();
    assert!(error.message().contains("`docker-credential-sealift-no-such-helper` cannot be started"), "{error}");
    assert!(files.get(&"ghcr.io/a/b".parse().unwrap()).await.unwrap().is_none(), "others do without it");
}

#[tokio::test]
async fn a_helper_is_asked_once_for_all_repositories_of_its_host() {
    let home = Home::new();
    let asked = home.0.path().join("asked");
    home.helper("real", &format!(r#"cat >> {}; echo '{{"Username": "bot", "Secret": "CANARY"}}'"#, asked.display()));
    home.file(".docker/config.json", r#"{"credsStore": "real", "auths": {"https://index.docker.io/v1/": {}}}"#);
    let files = home.files(&[]);
    for _ in 0..3 {
        assert_eq!(username(&files, "nginx").await.as_deref(), Some("bot"));
        assert_eq!(username(&files, "bitnami/redis").await.as_deref(), Some("bot"));
    }
    assert_eq!(std::fs::read_to_string(asked).unwrap(), "https://index.docker.io/v1/");
}

#[tokio::test]
async fn a_helper_may_know_nobody_or_give_an_identity_token() {
    let home = Home::new();
    home.helper("none", "echo 'credentials not found in native keychain'; exit 1");
    home.helper("token", r#"echo '{"Username": "<token>", "Secret": "CANARY"}'"#);
    home.file(".docker/config.json", r#"{"credHelpers": {"a.io": "none", "b.io": "token"}}"#);
    let files = home.files(&[]);
    assert!(files.get(&"a.io/x".parse().unwrap()).await.unwrap().is_none());
    let login = files.get(&"b.io/x".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(identity_token(&login).unwrap().expose(), "CANARY");
}

#[tokio::test]
async fn a_helper_that_misbehaves_is_named_and_not_quoted() {
    for (script, said) in [
        ("sleep 60", "did not answer within"),
        ("echo CANARY >&2; exit 3", "failed with exit status: 3"),
        ("echo CANARY", "gave no readable answer"),
        // It took all memory for a minute.
        ("yes CANARY", "printed more than 1 MiB"),
        ("yes CANARY >&2", "printed more than 1 MiB"),
    ] {
        let home = Home::new();
        home.helper("odd", script).file(".docker/config.json", r#"{"credHelpers": {"a.io": "odd"}}"#);
        let error = home.files(&[]).get(&"a.io/x".parse().unwrap()).await.unwrap_err();
        assert!(error.message().contains("`docker-credential-odd`") && error.message().contains(said), "{error}");
        assert!(!error.message().contains("CANARY"));
    }
}

#[tokio::test]
async fn null_stands_for_nothing_and_names_count_in_any_case() {
    for text in [
        r#"{"auths": null, "credHelpers": null, "credsStore": null}"#,
        r#"{"auths": {"quay.io": null}}"#,
        "\u{feff}{}",
        "null",
        "  ",
    ] {
        let home = Home::new();
        home.file(".docker/config.json", text);
        assert_eq!(home.username("quay.io/a/b").await, None, "{text}");
    }
    let home = Home::new();
    home.file(".docker/config.json", "\u{feff}{\"Auths\": {\"quay.io\": {\"Username\": \"u\", \"PASSWORD\": \"p\"}}}");
    assert_eq!(home.username("quay.io/a/b").await.as_deref(), Some("u"));
}

#[tokio::test]
async fn an_odd_entry_spoils_nothing_but_itself() {
    let home = Home::new();
    let text = r#"{"auths": {"a.io": null, "b.io": 5, "c.io": {"auth": 5}, "d.io": {"auth": "dTpw"}}, "credHelpers": {"e.io": 5}}"#;
    let files = home.file(".docker/config.json", text).files(&[]);
    assert_eq!(username(&files, "d.io/x").await.as_deref(), Some("u"));
    assert!(files.get(&"e.io/x".parse().unwrap()).await.unwrap().is_none());
    for odd in ["b.io", "c.io"] {
        let error = files.get(&format!("{odd}/x").parse().unwrap()).await.unwrap_err();
        assert!(error.message().contains(&format!("entry `{odd}`")), "{error}");
    }
}

#[tokio::test]
async fn base64_may_be_wrapped() {
    for auth in ["dTpw\\n", "dT\\npw", "dT\\r\\npw", " dTpw ", "dTpwcA"] {
        let home = Home::new();
        home.file(".docker/config.json", &format!(r#"{{"auths": {{"quay.io": {{"auth": "{auth}"}}}}}}"#));
        assert_eq!(home.username("quay.io/a/b").await.as_deref(), Some("u"), "{auth}");
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_no_obstacle_where_another_one_has_the_login() {
    let home = Home::new();
    home.file("run/containers/auth.json", "no JSON").file(".docker/config.json", &auths(&["quay.io"]));
    let files = home.files(&[("XDG_RUNTIME_DIR", "run")]);
    assert_eq!(username(&files, "quay.io/a/b").await.as_deref(), Some("u0"));
    let error = files.get(&"ghcr.io/a/b".parse().unwrap()).await.unwrap_err();
    assert!(error.message().contains("auth.json"), "{error}");
}

#[tokio::test]
async fn dockers_first_file_is_read_last() {
    let home = Home::new();
    home.file(
        ".dockercfg",
        r#"{"https://index.docker.io/v1/": {"auth": "dTpw", "email": "x"}, "quay.io": {"auth": "dTpw"}}"#,
    );
    assert_eq!(home.username("nginx").await.as_deref(), Some("u"));
    home.file(".docker/config.json", &auths(&["quay.io"]));
    assert_eq!(home.username("quay.io/a/b").await.as_deref(), Some("u0"));
}

#[tokio::test]
async fn a_home_that_is_no_directory_has_no_files() {
    let files = DockerFiles::new(Arc::new(|name| (name == "HOME").then(|| "/dev/null".to_owned())), HELPER_LIMIT);
    assert!(files.get(&"quay.io/a/b".parse().unwrap()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_helper_that_fails_is_not_asked_for_each_request() {
    let home = Home::new();
    let asked = home.0.path().join("asked");
    home.helper("odd", &format!("echo x >> {}; exit 3", asked.display()));
    let files = home.file(".docker/config.json", r#"{"credsStore": "odd"}"#).files(&[]);
    for _ in 0..3 {
        files.get(&"quay.io/a/b".parse().unwrap()).await.unwrap_err();
    }
    assert_eq!(std::fs::read_to_string(asked).unwrap(), "x\n");
}

/// The file of `docker login`, or of a cloud's tool that writes there every hour.
#[tokio::test]
async fn files_and_helpers_are_asked_again_after_a_login_was_rejected() {
    let home = Home::new();
    let count = home.0.path().join("count");
    home.helper(
        "real",
        &format!(r#"echo x >> {0}; echo "{{\"Username\": \"u$(wc -l < {0})\", \"Secret\": \"s\"}}""#, count.display()),
    );
    let text = |entry: &str| format!(r#"{{"credHelpers": {{"a.io": "real", "b.io": "real"}}, "auths": {entry}}}"#);
    home.file(".docker/config.json", &text(r#"{"c.io": {"username": "old", "password": "p"}}"#));
    let files = home.files(&[]);
    let first = files.get(&"a.io/x".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(username(&files, "b.io/x").await.as_deref(), Some("u2"));
    assert_eq!(username(&files, "c.io/x").await.as_deref(), Some("old"));
    home.file(".docker/config.json", &text(r#"{"c.io": {"username": "new", "password": "p"}}"#));
    assert_eq!(username(&files, "c.io/x").await.as_deref(), Some("old"));
    files.invalidate(&first).await;
    assert_eq!(username(&files, "a.io/x").await.as_deref(), Some("u3"));
    assert_eq!(username(&files, "b.io/x").await.as_deref(), Some("u2"), "that one was not rejected");
    assert_eq!(username(&files, "c.io/x").await.as_deref(), Some("new"));
}

#[tokio::test]
async fn helpers_of_several_hosts_do_not_wait_for_each_other() {
    let home = Home::new();
    home.helper("slow", "sleep 1; echo credentials not found; exit 1");
    home.helper("fast", r#"echo '{"Username": "u", "Secret": "s"}'"#);
    let files = home.file(".docker/config.json", r#"{"credHelpers": {"a.io": "slow", "b.io": "fast"}}"#).files(&[]);
    let (slow, fast) = ("a.io/x".parse().unwrap(), "b.io/x".parse().unwrap());
    let slow = files.get(&slow);
    tokio::select! {
        biased;
        _ = slow => panic!("the other one waited for it"),
        login = files.get(&fast) => assert!(login.unwrap().is_some()),
    }
    assert!(files.may_have(&"a.io/y".parse().unwrap()).await && !files.may_have(&"c.io/y".parse().unwrap()).await);
}

// The answer was there, and the login failed after a minute.
#[tokio::test]
async fn what_a_helper_leaves_running_does_not_hold_its_answer_up() {
    let home = Home::new();
    home.helper("agent", r#"sleep 5 & echo '{"Username": "bot", "Secret": "CANARY"}'"#);
    home.file(".docker/config.json", r#"{"credHelpers": {"a.io": "agent"}}"#);
    let began = std::time::Instant::now();
    assert_eq!(home.username("a.io/x").await.as_deref(), Some("bot"));
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
}

// A helper that is a script was killed, and the program that it waited for stayed.
#[tokio::test]
async fn what_a_helper_that_hangs_started_is_ended_with_it() {
    let home = Home::new();
    let child = home.0.path().join("child");
    home.helper("odd", &format!("sleep 60 & echo $! > {}; wait", child.display()));
    home.file(".docker/config.json", r#"{"credHelpers": {"a.io": "odd"}}"#);
    home.files(&[]).get(&"a.io/x".parse().unwrap()).await.unwrap_err();
    let id = std::fs::read_to_string(child).unwrap();
    let state = || std::fs::read_to_string(format!("/proc/{}/stat", id.trim())).unwrap_or_default();
    for _ in 0..100 {
        // A killed process stays as a zombie until it is waited for.
        if state().is_empty() || state().contains(") Z ") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it is still there: {}", state());
}
