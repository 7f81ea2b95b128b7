//! A double of the API of a cloud: answers by a function, and keeps what it was asked.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{
    Router,
    body::to_bytes,
    extract::{Request, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::Value;

/// A request that the double was sent.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The body.
    pub body: String,
    headers: HeaderMap,
}

impl Asked {
    /// Returns a header, an empty text if there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// What it answers: a status, a `WWW-Authenticate` header if not empty, and a body. A body that is a text is sent as it is,
/// any other as JSON.
pub type Reply = (u16, String, Value);

/// The same with headers.
pub type ReplyWithHeaders = (u16, Vec<(&'static str, String)>, Value);

type Answer = Box<dyn Fn(&Asked) -> ReplyWithHeaders + Send + Sync>;

struct Shared {
    answer: Answer,
    asked: Mutex<Vec<Asked>>,
}

/// A running double on loopback.
pub struct Cloud {
    host: String,
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

impl Cloud {
    /// Starts a double.
    ///
    /// # Panics
    /// If loopback cannot be listened on.
    pub async fn start(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        Self::with_headers(move |asked| {
            let (status, challenge, body) = answer(asked);
            let challenge = Some(("www-authenticate", challenge)).filter(|(_, text)| !text.is_empty());
            (status, challenge.into_iter().collect(), body)
        })
        .await
    }

    /// Starts a double that answers with headers.
    ///
    /// # Panics
    /// As [`Cloud::start`].
    pub async fn with_headers(answer: impl Fn(&Asked) -> ReplyWithHeaders + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback can be listened on");
        let host = listener.local_addr().expect("a bound socket has an address").to_string();
        let shared = Arc::new(Shared { answer: Box::new(answer), asked: Mutex::default() });
        let app = Router::new().fallback(reply).with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move { drop(axum::serve(listener, app).await) });
        Self { host, shared, task }
    }

    /// Returns host and port.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the URL of its root, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.host)
    }

    /// Returns the requests so far whose path begins like this.
    pub fn asked(&self, path: &str) -> Vec<Asked> {
        let asked = self.shared.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.iter().filter(|asked| asked.path.starts_with(path)).cloned().collect()
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn reply(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap_or_default();
    let asked = Asked {
        method: head.method.to_string(),
        path: head.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
        body: String::from_utf8_lossy(&body).into_owned(),
        headers: head.headers,
    };
    shared.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked.clone());
    let (status, headers, body) = (shared.answer)(&asked);
    let body = body.as_str().map_or_else(|| body.to_string(), ToOwned::to_owned);
    let mut response = (StatusCode::from_u16(status).expect("a valid status"), body).into_response();
    for (name, value) in headers {
        response.headers_mut().insert(name, value.parse().expect("a valid header"));
    }
    response
}
