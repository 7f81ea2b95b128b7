//! Logins that no table names: found by the name of a registry and the environment, and nowhere else.
#![cfg(all(
    feature = "login-alibaba",
    feature = "login-azure",
    feature = "login-ci",
    feature = "login-ecr",
    feature = "login-google",
    feature = "login-huawei",
    feature = "login-tencent"
))]

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use sealift_core::{
    cache::Cache,
    login::LoginProvider,
    plugin::{BuildContext, ConfigError, Purpose, Section, SectionPlugin},
    schemars::JsonSchema,
    serde::Deserialize,
    spec::{LoadOptions, load},
};
use sealift_plugins as _;

/// The providers that the section was built with.
static PROVIDERS: Mutex<Vec<Arc<dyn LoginProvider>>> = Mutex::new(Vec::new());

/// A section that keeps the logins which no table names.
struct Witness;

#[derive(Deserialize, JsonSchema)]
#[serde(crate = "sealift_core::serde")]
#[schemars(crate = "sealift_core::schemars")]
struct NoKeys {}

impl Section for Witness {
    const TABLE: &'static str = "witness";
    type Config = NoKeys;

    fn build(_: Option<NoKeys>, cx: &BuildContext<'_>) -> Result<Self, ConfigError> {
        *PROVIDERS.lock().unwrap() = cx.automatic_logins().to_vec();
        Ok(Self)
    }
}

sealift_core::inventory::submit! { SectionPlugin::of::<Witness>() }

/// Returns how many providers may have a login for each registry. Nothing is asked for that.
async fn found(variables: &[(&str, &str)], registries: &[&str]) -> Vec<usize> {
    let variables: BTreeMap<_, _> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let options = LoadOptions {
        base: ".".into(),
        environment: Arc::new(move |name| variables.get(name).cloned()),
        purpose: Purpose::Run,
        cache: Cache::default(),
        extensions: Default::default(),
    };
    let text = "[list]\nuse = \"registry\"\nimages = [{ from = \"a.example/b:c\" }]\n[witness]\n";
    assert!(load(text, "x.toml", &options).is_ok());
    let providers = std::mem::take(&mut *PROVIDERS.lock().unwrap());
    assert_eq!(providers.len(), 8, "each of them is there, and none is an error");
    let mut counts = Vec::new();
    for registry in registries {
        let repository = format!("{registry}/team/app").parse().unwrap();
        let mut count = 0;
        for provider in &providers {
            count += usize::from(provider.may_have(&repository).await);
        }
        counts.push(count);
    }
    counts
}

/// Variables, and registries for which they are a login.
type Case = (&'static [(&'static str, &'static str)], &'static [&'static str]);

#[tokio::test]
async fn a_login_is_found_by_its_registry_and_its_variables() {
    let cases: [Case; 9] = [
        (
            &[("ALIBABA_CLOUD_ACCESS_KEY_ID", "x"), ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "x")],
            &[
                "registry.cn-hangzhou.aliyuncs.com",
                "registry-vpc.cn-beijing.aliyuncs.com",
                "a-registry.cn-x.cr.aliyuncs.com",
            ],
        ),
        (
            &[("AWS_ACCESS_KEY_ID", "x"), ("AWS_SECRET_ACCESS_KEY", "x")],
            &[
                "1.dkr.ecr.eu-west-1.amazonaws.com",
                "1.dkr.ecr.cn-north-1.amazonaws.com.cn",
                "1.dkr-ecr.us-east-1.on.aws",
            ],
        ),
        (&[("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x")], &["1.dkr.ecr.eu-west-1.amazonaws.com"]),
        (&[("GOOGLE_APPLICATION_CREDENTIALS", "x.json")], &["eu-docker.pkg.dev", "gcr.io", "eu.gcr.io"]),
        (
            &[("AZURE_CLIENT_ID", "x"), ("AZURE_TENANT_ID", "x"), ("AZURE_FEDERATED_TOKEN_FILE", "x")],
            &["team.azurecr.io"],
        ),
        (&[("HUAWEICLOUD_SDK_AK", "x"), ("HUAWEICLOUD_SDK_SK", "x")], &["swr.cn-north-4.myhuaweicloud.com"]),
        (&[("TENCENTCLOUD_SECRET_ID", "x"), ("TENCENTCLOUD_SECRET_KEY", "x")], &["team.tencentcloudcr.com"]),
        (&[("GITHUB_TOKEN", "x"), ("GITHUB_ACTIONS", "true")], &["ghcr.io"]),
        (&[("CI_REGISTRY", "r.example:5050"), ("CI_JOB_TOKEN", "x")], &["r.example:5050"]),
    ];
    let others = ["docker.io", "registry.example", "aliyuncs.com.evil.example", "ghcr.io.evil.example"];
    for (variables, registries) in cases {
        assert_eq!(found(variables, registries).await, vec![1; registries.len()], "{registries:?}");
        assert_eq!(found(variables, &others).await, [0; 4], "{variables:?}");
        assert_eq!(found(&[], registries).await, vec![0; registries.len()], "nothing is found without variables");
        assert_eq!(
            found(&variables[..1], registries).await.iter().sum::<usize>() > 0,
            variables.len() == 1,
            "{variables:?}"
        );
    }
}
