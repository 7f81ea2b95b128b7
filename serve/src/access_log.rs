//! Notes every request and how it was answered.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{body::Body, response::Response};
use bytes::Bytes;
use futures::StreamExt;

use crate::access::{AccessRecord, Requests};

/// Collects requests; one that is off collects nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct AccessLog(Option<Arc<Mutex<Vec<AccessRecord>>>>);

impl AccessLog {
    pub(crate) fn on() -> Self {
        Self(Some(Arc::default()))
    }

    pub(crate) fn requests(&self) -> Requests {
        self.with(|requests| requests.clone()).unwrap_or_default().into()
    }

    pub(crate) fn reset(&self) {
        self.with(Vec::clear);
    }

    fn with<T>(&self, work: impl FnOnce(&mut Vec<AccessRecord>) -> T) -> Option<T> {
        self.0.as_ref().map(|requests| work(&mut requests.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Notes an answer whose body is in memory.
    pub(crate) fn note(&self, request: AccessRecord) {
        tracing::debug!(%request, "answered");
        self.with(|requests| requests.push(request));
    }

    /// Records a response whose body is a stream of `length` bytes: before its last chunk is sent, so that a client
    /// that has received everything finds the record; or when the response is dropped.
    pub(crate) fn watch(&self, request: AccessRecord, response: Response, length: u64) -> Response {
        let mut watched = LoggedBody { log: self.clone(), request: Some(request), length };
        response.map(|body| {
            Body::from_stream(body.into_data_stream().map(move |chunk| {
                if let Ok(bytes) = &chunk {
                    watched.passed(bytes);
                }
                chunk
            }))
        })
    }
}

struct LoggedBody {
    log: AccessLog,
    request: Option<AccessRecord>,
    length: u64,
}

impl LoggedBody {
    fn passed(&mut self, chunk: &Bytes) {
        let Some(request) = &mut self.request else { return };
        request.bytes += chunk.len() as u64;
        if request.bytes >= self.length {
            self.end();
        }
    }

    fn end(&mut self) {
        if let Some(request) = self.request.take() {
            self.log.note(request);
        }
    }
}

impl Drop for LoggedBody {
    fn drop(&mut self) {
        self.end();
    }
}
