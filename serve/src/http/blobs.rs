//! Blobs: pull and delete.

use axum::{
    body::Body,
    http::{StatusCode, header, request::Parts},
    response::Response,
};
use futures::StreamExt;
use sealift_core::content::Digest;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use super::{
    App,
    answer::{self, Code, ErrorResponse, empty},
    conditional::{etag, is_known, range},
};

/// The bytes of a chunk that is read from the disk.
const CHUNK: usize = 128 << 10;

/// `GET` or `HEAD /v2/<name>/blobs/<digest>`, with `Range` (distribution-spec, "Pulling blobs").
pub(crate) async fn get(app: &App, name: &str, digest: &Digest, head: &Parts) -> Result<Response, ErrorResponse> {
    if !app.store.has_blob(name, digest).await? {
        return Err(Code::BlobUnknown.into());
    }
    let place = app.files.place().await?;
    let (file, length) = app.store.layout().open_blob(digest).await?.ok_or(Code::BlobUnknown)?;
    if is_known(&head.headers, digest) {
        let mut response = empty(StatusCode::NOT_MODIFIED);
        response.headers_mut().insert(header::ETAG, etag(digest));
        return Ok(response);
    }
    let (status, start, end) = match ByteRange::of(range(head, digest).unwrap_or_default(), length) {
        ByteRange::Whole => (StatusCode::OK, 0, length),
        ByteRange::Part(start, end) => (StatusCode::PARTIAL_CONTENT, start, end),
        ByteRange::Outside => {
            let mut response = empty(StatusCode::RANGE_NOT_SATISFIABLE);
            response.headers_mut().insert(header::CONTENT_RANGE, answer::value(format!("bytes */{length}")));
            return Ok(response);
        }
    };
    let mut file = tokio::fs::File::from_std(file);
    if start > 0 {
        let sought = file.seek(std::io::SeekFrom::Current(start.cast_signed())).await;
        sought.map_err(|error| Code::Unknown.because(format!("cannot read the blob: {}", error.kind())))?;
    }
    let content = ReaderStream::with_capacity(file.take(end - start), CHUNK);
    let content = content.inspect(move |_| {
        let _ = &place; // kept as long as the file is open
    });
    let mut response = Response::new(Body::from_stream(content));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, answer::value(end - start));
    headers.insert(header::CONTENT_TYPE, answer::value("application/octet-stream"));
    headers.insert(header::ACCEPT_RANGES, answer::value("bytes"));
    headers.insert(header::ETAG, etag(digest));
    headers.insert("docker-content-digest", answer::value(digest));
    if status == StatusCode::PARTIAL_CONTENT {
        headers.insert(header::CONTENT_RANGE, answer::value(format!("bytes {start}-{}/{length}", end - 1)));
    }
    Ok(response)
}

/// `DELETE /v2/<name>/blobs/<digest>` (distribution-spec, "Deleting Blobs"). The repository forgets it, and the file
/// goes if nothing else needs it. A blob that a manifest has is not deleted: the manifest would bring it back at the next start.
pub(crate) async fn delete(app: &App, name: &str, digest: &Digest) -> Result<Response, ErrorResponse> {
    if !app.store.forget_blob(name, digest).await? {
        return Err(Code::BlobUnknown.into());
    }
    let mut response = empty(StatusCode::ACCEPTED);
    response.headers_mut().insert("docker-content-digest", answer::value(digest));
    Ok(response)
}

/// The requested part of a blob. The end is exclusive.
#[derive(Debug, PartialEq, Eq)]
enum ByteRange {
    Whole,
    Part(u64, u64),
    Outside,
}

impl ByteRange {
    /// One range of bytes (RFC 9110, 14.2); what is not understood, several ranges for one, means the whole.
    fn of(text: &str, length: u64) -> Self {
        let Some((first, last)) = text.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
            return Self::Whole;
        };
        let part = |start: u64, end: u64| if start < end { Self::Part(start, end) } else { Self::Outside };
        match (first.parse::<u64>(), last.parse::<u64>()) {
            (Ok(first), Ok(last)) if first > last => Self::Whole,
            (Ok(first), Ok(last)) => part(first, last.saturating_add(1).min(length)),
            (Ok(first), Err(_)) if last.is_empty() => part(first, length),
            (Err(_), Ok(count)) if first.is_empty() => part(length.saturating_sub(count), length),
            _ => Self::Whole,
        }
    }
}

#[cfg(test)]
mod tests;
