//! What becomes of a request after a 401: by what was sent, what the 401 asks for, and whether all was tried before.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::Arc,
    time::Duration,
};

use http::{HeaderMap, HeaderValue};
use sealift_core::{
    content::Repository,
    plugin::{BuildContext, Purpose},
};

use super::{
    super::{
        HarborClaims,
        authorization::{Authorization, SentToken},
        challenge::BearerChallenge,
        token_cache::TokenKey,
    },
    *,
};
use crate::{
    config::{Config, RegistryConfig},
    operation::Operation,
    registries::Registries,
    retry::RetryPolicy,
    timing::Timing,
};

const SENT: [&str; 9] = [
    "nothing, unknown",
    "nothing to send",
    "password, first try",
    "password, taken before",
    "token, new",
    "token, old",
    "token, of several",
    "token, of nobody",
    "token, of the user",
];

const ASKED: [&str; 6] = [
    "",
    "Basic realm=\"x\"",
    "Basic realm=\"harbor\"",
    "Bearer realm=\"https://a/t\",service=\"s\"",
    "Bearer realm=\"https://b/t\",service=\"s\"",
    "Bearer realm=\"https://a/t\",service=\"s\",scope=\"repository:a/b:push\"",
];

/// Its root wants a password.
fn start_registry() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.set_read_timeout(Some(Duration::from_millis(200)));
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(
                b"HTTP/1.1 401 X\r\nwww-authenticate: Basic realm=\"x\"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            );
        }
    });
    address.to_string()
}

async fn outcome(host_name: &str, sent: &str, asked: &str, tried_all: bool) -> String {
    let secret = |text: &str| Some(sealift_core::secret::SecretValue::Literal(sealift_core::secret::Secret::new(text)));
    let entry = RegistryConfig { username: secret("bot"), password: secret("CANARY"), ..RegistryConfig::default() };
    let hosts = [(host_name.to_owned(), entry)].into_iter().collect();
    let cx = BuildContext::new(Arc::new(|_: &str| None), ".", Purpose::Run);
    let retry = RetryPolicy { backoff: Duration::from_millis(1), ..RetryPolicy::default() };
    let timing = Timing { retry, ..Timing::default() };
    let client = Registries::with(Config { file: None, hosts }, &cx, timing, Vec::new()).unwrap().client();
    let repository: Repository = format!("{host_name}/a/b").parse().unwrap();
    let registry = client.registry(&repository);
    let (auth, at) = (&registry.auth, registry.transport.endpoint().await.unwrap());
    let login = auth.login(&repository).await.unwrap().unwrap();
    let bearer = BearerChallenge { realm: "https://a/t".to_owned(), service: Some("s".to_owned()) };
    let key = TokenKey { bearer: bearer.clone(), login: None, scopes: "repository:a/b:pull".to_owned() };
    let header = HeaderValue::from_static("x");
    let claims = HarborClaims::read("e30.eyJpc3MiOiJoYXJib3ItdG9rZW4taXNzdWVyIn0.c2ln").map(Arc::new);
    if sent.starts_with("token") {
        auth.scheme().clone_from(&AuthScheme::Bearer(bearer));
    } else if sent.starts_with("password") {
        auth.scheme().clone_from(&AuthScheme::Basic);
    }
    let trial = match sent {
        "password, first try" => login.tracked.enter().await.unwrap(),
        _ => None,
    };
    if sent == "password, taken before" {
        login.tracked.accept(&login.login);
    }
    let token = |is_fresh, scope, claims: Option<Arc<HarborClaims>>| {
        let is_anonymous_for_login = claims.is_some();
        Sent::Bearer(SentToken {
            header: header.clone(),
            key,
            serial: 0,
            is_fresh,
            scope,
            is_anonymous_for_login,
            claims,
        })
    };
    let sent = match sent {
        "nothing, unknown" => Sent::Unknown,
        "nothing to send" => Sent::Nothing,
        "token, new" => token(true, TokenScope::Single, None),
        "token, old" => token(false, TokenScope::Single, None),
        "token, of several" => token(false, TokenScope::Shared, None),
        "token, of nobody" => token(false, TokenScope::Single, claims),
        "token, of the user" => Sent::RegistryToken(header),
        _ => Sent::Basic { header, trial },
    };
    let mut authorization = Authorization::new(sent, Some(login));
    let mut progress = AuthProgress::default();
    if tried_all {
        let all = [
            Action::Authorize,
            Action::FollowChallenge,
            Action::Widen(String::new()),
            Action::UseSingleToken,
            Action::RenewToken,
            Action::ReplaceAnonymousToken,
            Action::RenewLogin,
        ];
        assert!(all.iter().all(|action| progress.take(action)));
    }
    let mut headers = HeaderMap::new();
    if !asked.is_empty() {
        headers.insert("www-authenticate", asked.parse().unwrap());
    }
    let operation = Operation::ListTags(&repository);
    let answer = auth.respond(at, operation, &mut authorization, &headers, &mut progress).await;
    let known = match &*auth.scheme() {
        AuthScheme::None => "nothing".to_owned(),
        AuthScheme::Basic => "a password".to_owned(),
        AuthScheme::Bearer(bearer) => format!("a token of {}", &bearer.realm[8..9]),
    };
    let next = match answer {
        Err(error) if error.is_retryable() => "wrong login, for now",
        Err(_) => "wrong login",
        Ok(false) => "the answer stands",
        Ok(true) if auth.groups.is_apart(&repository) => "again, with a token for it alone",
        Ok(true) if progress.scope.is_some() => "again, with more scopes",
        Ok(true) => "again",
    };
    format!("{next}; it wants {known}")
}

#[tokio::test]
async fn after_a_401() {
    let host = start_registry();
    let mut table = String::new();
    for sent in SENT {
        for asked in ASKED {
            let first = outcome(&host, sent, asked, false).await;
            let last = outcome(&host, sent, asked, true).await;
            table += &format!("{sent} | {asked} | {first} | {last}\n");
        }
    }
    insta::assert_snapshot!(table);
}
