//! Logins of clouds and CI systems, found in the environment or named, in front of a real registry.

use std::sync::Arc;

use sealift_conformance::images::image;
use sealift_testkit::{canary::Canaries, cloud::Cloud, registry::TokenAuth};
use serde_json::json;

use super::*;

const ACR: &str = "registry.aliyuncs.com:cn-hangzhou:china:cri-test";

/// A source without a login, and a destination behind a token service that knows no user yet.
struct Site {
    from: Registry,
    to: Registry,
    tokens: Arc<TokenService>,
}

impl Site {
    /// None if there is no real registry here.
    async fn start() -> Option<Self> {
        let from = Registry::start()?;
        let tokens = Arc::new(TokenService::start(&[]).await);
        tokens.service(ACR);
        let to = Registry::with().token(TokenAuth { service: ACR.to_owned(), ..tokens.auth() }).start()?;
        Content::at(&from.url()).put("app", "v1", &image("linux/amd64", &["a layer"])).await;
        Some(Self { from, to, tokens })
    }

    fn pipeline(&self, more: &str) -> String {
        let (from, to) = (self.from.host(), self.to.host());
        format!(
            "[list]\nuse = \"registry\"\nimages = [{{ from = \"{from}/app:v1\", to = [\"{to}/mirror/app\"] }}]\n{more}"
        )
    }

    /// The users that asked for tokens.
    fn users(&self) -> Vec<String> {
        let mut users: Vec<_> = self.tokens.asked().into_iter().filter_map(|asked| asked.user).collect();
        users.dedup();
        users
    }
}

const WORDS: [&str; 8] = ["run", "acr.toml", "--json", "-vvv", "--log", "run.log", "--report", "report.json"];

#[tokio::test(flavor = "multi_thread")]
async fn an_access_key_of_alibaba_gives_temporary_logins_and_no_secret_comes_out() {
    let Some(site) = Site::start().await else { return };
    let (canaries, tokens) = (Canaries::default(), Arc::clone(&site.tokens));
    let temporary = canaries.identity_token.clone();
    let api = Cloud::start(move |asked| {
        let is_right = asked.header("authorization").starts_with("ACS3-HMAC-SHA256 Credential=LTAI,");
        if !is_right || asked.path != "/?InstanceId=cri-test" {
            // Such messages repeat what was signed, the session token among it.
            let message = format!("string to sign: {}", asked.header("x-acs-security-token"));
            return (400, String::new(), json!({"Code": "SignatureDoesNotMatch", "Message": message}));
        }
        tokens.users(&[("cr_temp_user", &temporary)]);
        let login = json!({"TempUsername": "cr_temp_user", "AuthorizationToken": temporary, "Code": "success",
            "ExpireTime": 4_102_444_800_000_u64, "IsSuccess": true});
        (200, String::new(), login)
    })
    .await;
    let login =
        format!("[[login]]\nuse = \"alibaba\"\nhosts = [\"{}\"]\nendpoint = \"{}\"\n", site.to.host(), api.url());
    let folder = folder().var("ALIBABA_CLOUD_ACCESS_KEY_ID", "LTAI");
    let folder = folder.var("ALIBABA_CLOUD_ACCESS_KEY_SECRET", &canaries.password);
    let folder = folder.var("ALIBABA_CLOUD_SECURITY_TOKEN", &canaries.token).var("OTHER", "LTAI-other");
    folder.write("acr.toml", &site.pipeline(&login));
    let ran = tokio::task::block_in_place(|| folder.run(&WORDS)).expect(0);
    assert_eq!(site.users(), ["cr_temp_user"], "the access key itself goes to the API only");
    assert_eq!(api.asked("/?").len(), 1);
    let leaves = |ran: &sealift_e2e::program::Ran| {
        canaries.assert_absent("output", &ran.all());
        canaries.assert_absent("the log", &folder.read("run.log"));
        canaries.assert_absent("the report", &folder.read("report.json"));
    };
    leaves(&ran);
    let (from, to) = (format!("{}/app:v1", site.from.host()), format!("{}/mirror/app:v1", site.to.host()));
    let printed = folder.run(&["copy", &from, &to, "--print-pipeline"]).expect(0);
    canaries.assert_absent("the printed pipeline", &printed.all());

    let keys = "access_key = { env = \"OTHER\" }\nsecret_key = { env = \"ALIBABA_CLOUD_ACCESS_KEY_SECRET\" }\n";
    let keys = format!("{login}{keys}session_token = {{ env = \"ALIBABA_CLOUD_SECURITY_TOKEN\" }}\n");
    folder.write("acr.toml", &site.pipeline(&keys));
    let ran = tokio::task::block_in_place(|| folder.run(&WORDS)).expect(1);
    assert!(
        ran.all().contains("the secret does not belong to the access key (400, `SignatureDoesNotMatch`)"),
        "{}",
        ran.all()
    );
    assert!(ran.all().contains("check the access key of `OTHER` and its secret"), "{}", ran.all());
    leaves(&ran);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_found_in_the_environment_gives_way_to_every_other_login() {
    let Some(site) = Site::start().await else { return };
    let (host, canaries) = (site.to.host(), Canaries::default());
    site.tokens.users(&[("job", "j0b"), ("person", &canaries.password), ("pipeline", "p1peline")]);
    let folder = folder().var("CI_REGISTRY", &host).var("CI_REGISTRY_USER", "job").var("CI_REGISTRY_PASSWORD", "j0b");
    let users_after = |folder: &Folder, file: &str| {
        site.tokens.forget();
        tokio::task::block_in_place(|| folder.run(&["run", file])).expect(0);
        site.users()
    };
    folder.write("run.toml", &site.pipeline(""));
    assert_eq!(users_after(&folder, "run.toml"), ["job"], "nothing was configured");
    let person = canaries.login("person");
    folder.write(".docker/config.json", &format!(r#"{{"auths":{{"{host}":{{"auth":"{person}"}}}}}}"#));
    assert_eq!(users_after(&folder, "run.toml"), ["person"]);
    folder.write("named.toml", &site.pipeline("[[login]]\nuse = \"gitlab\"\n"));
    assert_eq!(users_after(&folder, "named.toml"), ["job"], "a table goes first");
    let entry = format!("[registries.\"{host}\"]\nusername = \"pipeline\"\npassword = \"p1peline\"\n");
    folder.write("entry.toml", &site.pipeline(&format!("[[login]]\nuse = \"gitlab\"\n{entry}")));
    assert_eq!(users_after(&folder, "entry.toml"), ["pipeline"]);
}
