//! The requests to the double, in the order of their answers.

use std::sync::{Mutex, PoisonError};

use axum::{extract, http::header::CONTENT_LENGTH, response::Response};
use sealift_serve::access::{AccessRecord, Requests};

#[derive(Default)]
pub(super) struct Journal(Mutex<Vec<AccessRecord>>);

/// A request that was not answered yet.
pub(super) struct Entry {
    method: String,
    path: String,
}

impl Entry {
    pub(super) fn of(request: &extract::Request) -> Self {
        Self { method: request.method().to_string(), path: request.uri().to_string() }
    }
}

impl Journal {
    pub(super) fn note(&self, entry: Entry, response: &Response) {
        let length = response.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        let request = AccessRecord {
            method: entry.method,
            path: entry.path,
            status: response.status().as_u16(),
            bytes: length.unwrap_or_default(),
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(request);
    }

    pub(super) fn requests(&self) -> Requests {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone().into()
    }

    pub(super) fn reset(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
