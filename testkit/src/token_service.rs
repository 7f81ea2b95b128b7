//! A token service for a real registry: signed JWTs, as the distribution token specification says.
//!
//! It knows users and what they may do, counts what it is asked, and can be told to give short-lived tokens or none.
//! Tokens are ES256; the certificate travels in `x5c`, and the registry trusts it through its `rootcertbundle`.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::{
    Router,
    extract::{RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use base64::{Engine as _, prelude::*};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use serde_json::{Value, json};

use crate::{
    registry::TokenAuth,
    tls::{Identity, TlsListener},
};

/// The service name that tokens are for.
pub const SERVICE: &str = "testkit registry";

/// The issuer that the registry expects.
pub const ISSUER: &str = "testkit tokens";

/// A request for a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The user, if there were credentials.
    pub user: Option<String>,
    /// The scopes, in the order in which they were asked for.
    pub scopes: Vec<String>,
    /// True if a token was issued.
    pub granted: bool,
}

/// Decides which of the actions that a user asks for on a repository are granted.
pub type Rights = Box<dyn Fn(Option<&str>, &str, &str) -> bool + Send + Sync>;

/// A running token service.
pub struct TokenService {
    addr: SocketAddr,
    scheme: &'static str,
    certificate: String,
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

struct Shared {
    key: EcdsaKeyPair,
    certificate_der: Vec<u8>,
    users: Mutex<Vec<(String, String)>>,
    service: Mutex<String>,
    rights: Mutex<Rights>,
    lifetime: Mutex<Duration>,
    journal: Mutex<Vec<Asked>>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl TokenService {
    /// Starts a service with these users (name, password). Each of them is granted all requested actions.
    ///
    /// # Panics
    /// If loopback cannot be listened on.
    pub async fn start(users: &[(&str, &str)]) -> Self {
        Self::start_with(users, None).await
    }

    /// Starts one that speaks https.
    ///
    /// # Panics
    /// If loopback cannot be listened on.
    pub async fn start_tls(users: &[(&str, &str)], identity: &Identity) -> Self {
        Self::start_with(users, Some(identity)).await
    }

    async fn start_with(users: &[(&str, &str)], identity: Option<&Identity>) -> Self {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key can be made");
        let params = rcgen::CertificateParams::new(vec!["tokens.test".to_owned()]).expect("a valid name");
        let certificate = params.self_signed(&pair).expect("a certificate can be made");
        let key =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pair.serialized_der(), &SystemRandom::new());
        let shared = Arc::new(Shared {
            key: key.expect("the key is of this kind"),
            certificate_der: certificate.der().to_vec(),
            users: Mutex::new(owned(users)),
            service: Mutex::new(SERVICE.to_owned()),
            rights: Mutex::new(Box::new(|user, _, _| user.is_some())),
            lifetime: Mutex::new(Duration::from_secs(300)),
            journal: Mutex::default(),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback can be listened on");
        let addr = listener.local_addr().expect("a bound socket has an address");
        let app = Router::new().route("/token", get(token)).with_state(Arc::clone(&shared));
        let scheme = if identity.is_some() { "https" } else { "http" };
        let task = match identity.map(Identity::acceptor) {
            Some(acceptor) => {
                let listener = TlsListener { listener, acceptor };
                tokio::spawn(async move { drop(axum::serve(listener, app).await) })
            }
            None => tokio::spawn(async move { drop(axum::serve(listener, app).await) }),
        };
        Self { addr, scheme, certificate: certificate.pem(), shared, task }
    }

    /// Returns the URL of the token endpoint.
    pub fn realm(&self) -> String {
        self.realm_at(&self.addr.to_string())
    }

    /// Returns the URL of the token endpoint behind a proxy at `host`.
    pub fn realm_at(&self, host: &str) -> String {
        format!("{}://{host}/token", self.scheme)
    }

    /// Returns the settings of a registry that trusts this service.
    pub fn auth(&self) -> TokenAuth {
        TokenAuth {
            realm: self.realm(),
            service: SERVICE.to_owned(),
            issuer: ISSUER.to_owned(),
            root_certs: self.certificate.clone(),
        }
    }

    /// Returns the socket address of the service.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The certificate that the registry must trust.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate
    }

    /// Replaces the users; others are rejected from now on.
    pub fn users(&self, users: &[(&str, &str)]) {
        *lock(&self.shared.users) = owned(users);
    }

    /// Changes the name of the registry that tokens are for. Default: [`SERVICE`].
    pub fn service(&self, name: &str) {
        name.clone_into(&mut lock(&self.shared.service));
    }

    /// Changes who may do what: user, repository, action.
    pub fn rights(&self, rights: impl Fn(Option<&str>, &str, &str) -> bool + Send + Sync + 'static) {
        *lock(&self.shared.rights) = Box::new(rights);
    }

    /// Changes how long tokens live.
    pub fn lifetime(&self, lifetime: Duration) {
        *lock(&self.shared.lifetime) = lifetime;
    }

    /// A token for a test's own use; it is not in the journal.
    pub fn issue(&self, user: &str, repositories: &[&str], actions: &[&str]) -> String {
        let access: Vec<Value> =
            repositories.iter().map(|name| json!({ "type": "repository", "name": name, "actions": actions })).collect();
        let answer = self.shared.sign(Some(user), &access);
        answer["token"].as_str().expect("a token is text").to_owned()
    }

    /// Returns the requests for tokens since the start, or since [`TokenService::forget`].
    pub fn asked(&self) -> Vec<Asked> {
        lock(&self.shared.journal).clone()
    }

    /// Forgets what was asked for.
    pub fn forget(&self) {
        lock(&self.shared.journal).clear();
    }
}

impl Drop for TokenService {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn token(State(shared): State<Arc<Shared>>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let query = query.unwrap_or_default();
    let scopes: Vec<String> = url::form_urlencoded::parse(query.as_bytes())
        .filter(|(key, _)| key == "scope")
        .map(|(_, v)| v.into_owned())
        .collect();
    let login = headers.get(header::AUTHORIZATION).and_then(|value| basic(value.to_str().ok()?));
    let known = login.as_ref().is_none_or(|login| lock(&shared.users).contains(login));
    let user = login.map(|(user, _)| user);
    let asked = Asked { user: user.clone(), scopes: scopes.clone(), granted: known };
    lock(&shared.journal).push(asked);
    if !known {
        let body = json!({ "errors": [{ "code": "UNAUTHORIZED", "message": "incorrect username or password" }] });
        return (StatusCode::UNAUTHORIZED, body.to_string()).into_response();
    }
    let access: Vec<Value> =
        scopes.iter().flat_map(|scope| scope.split(' ')).filter_map(|s| shared.access(user.as_deref(), s)).collect();
    let body = shared.sign(user.as_deref(), &access);
    ([(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

fn owned(users: &[(&str, &str)]) -> Vec<(String, String)> {
    users.iter().map(|(user, password)| ((*user).to_owned(), (*password).to_owned())).collect()
}

fn basic(value: &str) -> Option<(String, String)> {
    let decoded = BASE64_STANDARD.decode(value.strip_prefix("Basic ")?).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

impl Shared {
    /// Returns the granted access for the scope `repository:name:actions`; `None` if the scope has another form.
    fn access(&self, user: Option<&str>, scope: &str) -> Option<Value> {
        let (kind, rest) = scope.split_once(':')?;
        let (name, actions) = rest.rsplit_once(':')?;
        let rights = lock(&self.rights);
        let granted: Vec<&str> = actions.split(',').filter(|action| rights(user, name, action)).collect();
        Some(json!({ "type": kind, "name": name, "actions": granted }))
    }

    fn sign(&self, user: Option<&str>, access: &[Value]) -> Value {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("time goes on").as_secs();
        let lifetime = lock(&self.lifetime).as_secs();
        let header = json!({ "typ": "JWT", "alg": "ES256", "x5c": [BASE64_STANDARD.encode(&self.certificate_der)] });
        let claims = json!({
            "iss": ISSUER, "sub": user.unwrap_or_default(), "aud": *lock(&self.service), "jti": format!("{now}"),
            "iat": now, "nbf": now.saturating_sub(5), "exp": now + lifetime, "access": access,
        });
        let encode = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(&header), encode(&claims));
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes()).expect("signing works");
        let token = format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature));
        json!({ "token": token, "access_token": token, "expires_in": lifetime })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Registry;

    #[tokio::test]
    async fn a_real_registry_takes_its_tokens() {
        let service = TokenService::start(&[("bot", "s3cret")]).await;
        let Some(registry) = Registry::with().token(service.auth()).start() else { return };
        let addr = service.addr;
        let url = registry.url();
        let status = tokio::task::spawn_blocking(move || {
            let token = get_text(addr, "/token?service=x&scope=repository%3Aa%2Fb%3Apull", Some("bot:s3cret"));
            let token: Value = serde_json::from_str(token.split_once("\r\n\r\n").unwrap().1).unwrap();
            let host: SocketAddr = url.trim_start_matches("http://").parse().unwrap();
            let bearer = format!("Authorization: Bearer {}\r\n", token["token"].as_str().unwrap());
            let with = ask(host, "/v2/a/b/tags/list", &bearer);
            let without = ask(host, "/v2/a/b/tags/list", "");
            (with, without)
        });
        let (with, without) = status.await.unwrap();
        assert!(with.starts_with("HTTP/1.1 404"), "let in, and there is no such repository: {with}");
        assert!(without.starts_with("HTTP/1.1 401"), "{without}");
        assert_eq!(service.asked().len(), 1);
        assert_eq!(service.asked()[0].user.as_deref(), Some("bot"));
    }

    #[tokio::test]
    async fn a_wrong_password_gets_no_token() {
        let service = TokenService::start(&[("bot", "s3cret")]).await;
        let addr = service.addr;
        let answer = tokio::task::spawn_blocking(move || get_text(addr, "/token?service=x", Some("bot:wrong")));
        assert!(answer.await.unwrap().starts_with("HTTP/1.1 401"));
        assert!(!service.asked()[0].granted);
    }

    fn get_text(addr: SocketAddr, path: &str, login: Option<&str>) -> String {
        let login = login.map(|login| format!("Authorization: Basic {}\r\n", BASE64_STANDARD.encode(login)));
        ask(addr, path, &login.unwrap_or_default())
    }

    fn ask(addr: SocketAddr, path: &str, headers: &str) -> String {
        use std::io::{Read, Write};
        let mut socket = std::net::TcpStream::connect(addr).unwrap();
        // In one piece: a server that answers before it has read all resets the connection.
        let request = format!("GET {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n{headers}\r\n");
        socket.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer
    }
}
