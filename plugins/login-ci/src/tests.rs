use std::{collections::HashMap, sync::Arc};

use sealift_core::{
    login::LoginKind,
    plugin::{Purpose, StageConfig},
};

use super::*;

/// The user and password for a registry that a login without a table finds in an environment.
async fn found<T: StageConfig<dyn LoginProvider> + Default>(
    variables: &[(&str, &str)],
    registry: &str,
) -> Option<String> {
    let variables: HashMap<_, _> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let environment = Arc::new(move |name: &str| variables.get(name).cloned());
    let cx = BuildContext::new(environment, ".", Purpose::Run).automatic();
    let provider = T::default().build(&cx).unwrap();
    let repository = format!("{registry}/a/b").parse().unwrap();
    let login = provider.get(&repository).await.unwrap();
    assert_eq!(provider.may_have(&repository).await, login.is_some());
    match login?.kind {
        LoginKind::Basic { username, password } => Some(format!("{username}:{}", password.expose())),
        _ => None,
    }
}

#[tokio::test]
async fn a_token_counts_by_itself_in_a_job_of_github_only() {
    let token = ("GITHUB_TOKEN", "t");
    let job = [token, ("GITHUB_ACTIONS", "true"), ("GITHUB_ACTOR", "octocat")];
    assert_eq!(found::<GitHub>(&job, "ghcr.io").await.as_deref(), Some("octocat:t"));
    assert_eq!(found::<GitHub>(&[token], "ghcr.io").await, None);
    assert_eq!(found::<GitHub>(&job[1..], "ghcr.io").await, None);
}

#[tokio::test]
async fn a_job_of_gitlab_logs_in_to_its_own_registry_only() {
    let registry = ("CI_REGISTRY", "registry.acme.example:5050");
    let user = [registry, ("CI_REGISTRY_USER", "u"), ("CI_REGISTRY_PASSWORD", "p"), ("CI_JOB_TOKEN", "j")];
    assert_eq!(found::<GitLab>(&user, "registry.acme.example:5050").await.as_deref(), Some("u:p"));
    let job = [registry, user[3]];
    assert_eq!(found::<GitLab>(&job, "registry.acme.example:5050").await.as_deref(), Some("gitlab-ci-token:j"));
    assert_eq!(found::<GitLab>(&user, "registry.acme.example").await, None);
    assert_eq!(found::<GitLab>(&user[1..], "registry.acme.example:5050").await, None);
}
