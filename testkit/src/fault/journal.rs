//! Requests, their answers, and the faults that took effect.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use super::{head::Head, script::contains};

/// One request and its answer.
#[derive(Clone, Debug, Default)]
pub struct Exchange {
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The headers of the request, their names in lower case.
    pub headers: Vec<(String, String)>,
    /// Bytes of the request's body that were read.
    pub received: u64,
    /// Bytes of the answer's body that were sent.
    pub sent: u64,
    /// The status of the answer; none if there was none.
    pub status: Option<u16>,
    /// The fault that took effect.
    pub fault: Option<String>,
    /// The number of the connection of the request, counted from 1.
    pub connection: u64,
    /// The time at which its head was read.
    pub at: Option<Instant>,
}

impl Exchange {
    /// A header of the request.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Returns the first byte of an open-ended `Range` of the request (`bytes=n-`).
    pub fn range_start(&self) -> Option<u64> {
        self.header("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} (connection {}", self.method, self.path, self.connection)?;
        if let Some(range) = self.header("range") {
            write!(f, ", {range}")?;
        }
        write!(f, "): {} bytes in, {:?}, {} bytes out", self.received, self.status, self.sent)?;
        self.fault.as_ref().map_or(Ok(()), |fault| write!(f, " [{fault}]"))
    }
}

/// The requests so far, in the order in which they came.
#[derive(Clone, Debug, Default)]
pub struct Journal(Vec<Exchange>);

impl Journal {
    /// All of them.
    pub fn iter(&self) -> std::slice::Iter<'_, Exchange> {
        self.0.iter()
    }

    /// Those with this method (`*`: any) and this in their path, as in [`Fault::on`](super::Fault::on).
    pub fn of<'a>(&'a self, method: &'a str, part: &'a str) -> impl Iterator<Item = &'a Exchange> {
        self.iter().filter(move |it| (method == "*" || it.method == method) && contains(&it.path, part))
    }

    /// Returns the number of requests that [`Journal::of`] yields.
    pub fn count(&self, method: &str, part: &str) -> usize {
        self.of(method, part).count()
    }

    /// The faults that took effect.
    pub fn faults(&self) -> Vec<&str> {
        self.iter().filter_map(|exchange| exchange.fault.as_deref()).collect()
    }
}

/// One request a line, for the message of an assertion.
impl fmt::Display for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter().try_for_each(|exchange| writeln!(f, "{exchange}"))
    }
}

/// The exchanges recorded so far, including those in progress.
#[derive(Default)]
pub(super) struct Notes(Mutex<Vec<Note>>);

impl Notes {
    pub(super) fn open(&self, head: &Head, connection: u64) -> Note {
        let (method, path) = (head.word(0).to_owned(), head.word(1).to_owned());
        let (headers, at) = (head.headers.clone(), Some(Instant::now()));
        let exchange = Exchange { method, path, headers, connection, at, ..Exchange::default() };
        let note = Note(Arc::new(Mutex::new(exchange)));
        self.all().push(note.clone());
        note
    }

    pub(super) fn journal(&self) -> Journal {
        Journal(self.all().iter().map(|note| note.get().clone()).collect())
    }

    pub(super) fn forget(&self) {
        self.all().clear();
    }

    fn all(&self) -> MutexGuard<'_, Vec<Note>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The note of one exchange.
#[derive(Clone)]
pub(super) struct Note(Arc<Mutex<Exchange>>);

impl Note {
    pub(super) fn get(&self) -> MutexGuard<'_, Exchange> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
