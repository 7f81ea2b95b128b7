//! One writer at a time.

use std::{
    fs::{File, TryLockError},
    io::{Read, Seek, Write},
    os::unix::fs::MetadataExt,
    thread::sleep,
    time::Duration,
};

use sealift_core::error::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use crate::{
    dir::{ALONE, Dir},
    fault::{broken, fault},
};

/// The process that holds the lock, for the error message of others.
#[derive(Serialize, Deserialize)]
struct Holder {
    pid: u32,
    host: String,
}

/// Held for as long as a writer lives. The kernel gives it back when the process ends, however it ends.
pub(crate) struct WriterLock {
    _file: File,
}

const NAME: &str = "lock";

/// Further attempts, a moment apart, for a lock that another process holds only to [look](writer_at) for a writer.
const LOOKS: usize = 5;

/// The pause between them.
const LOOK: Duration = Duration::from_millis(20);

/// Upper bound for opening the file again after it was replaced.
const TRIES: usize = 100;

impl WriterLock {
    pub(crate) fn take(dir: &Dir) -> Result<Self> {
        let path = dir.file_path(NAME);
        let mut looks = LOOKS;
        for _ in 0..TRIES {
            let mut file = open(dir)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) if looks > 0 => {
                    looks -= 1;
                    sleep(LOOK);
                    continue;
                }
                Err(TryLockError::WouldBlock) => return Err(taken(dir, &mut file)),
                Err(TryLockError::Error(error)) => {
                    return Err(
                        fault("lock", &path, error).with_hint("put the layout on a file system that has file locks")
                    );
                }
            }
            if !dir.is_named(&file, NAME) {
                continue; // it was replaced between the two, and the next writer would lock the other one
            }
            let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
            let holder = serde_json::to_vec(&Holder { pid: std::process::id(), host }).unwrap_or_default();
            let noted = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(&holder));
            noted.map_err(|error| fault("write", &path, error))?;
            return Ok(Self { _file: file });
        }
        Err(broken(&path, "is replaced again and again").with_hint(ALONE))
    }
}

/// Returns the process that writes to a layout, if one does; `ours` is its directory of notes.
pub(crate) fn writer_at(ours: &Dir) -> Option<String> {
    let (mut file, _) = ours.open(NAME).ok()??;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Some(holder(&mut file)),
        _ => None,
    }
}

/// Opens the file. One that has further names (a hard link, a copy of the directory by links) is replaced by a new one,
/// because what is noted in it would stand under those names, too.
fn open(dir: &Dir) -> Result<File> {
    let path = dir.file_path(NAME);
    let file = dir.open_or_create(NAME)?;
    let links = file.metadata().map_err(|error| fault("look at", &path, error))?.nlink();
    if links <= 1 {
        return Ok(file);
    }
    if let Err(TryLockError::WouldBlock) = file.try_lock() {
        return Ok(file); // held by a writer: it is told who that is
    }
    dir.replace(NAME, b"", false)?;
    dir.open_or_create(NAME)
}

/// The process that is noted in the file, in words.
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let _ = file.take(4096).read_to_string(&mut text); // without it the holder stays unnamed
    match serde_json::from_str::<Holder>(&text) {
        Ok(Holder { pid, host }) => format!("process {pid} on `{}`", host.escape_debug()),
        Err(_) => "another process".to_owned(),
    }
}

fn taken(dir: &Dir, file: &mut File) -> Error {
    let holder = holder(file);
    let root = dir.path().parent().unwrap_or(dir.path());
    Error::new(ErrorKind::Conflict, format!("{holder} is writing to `{}`", root.display()))
        .with_hint("wait until it is done, or use another directory")
}
