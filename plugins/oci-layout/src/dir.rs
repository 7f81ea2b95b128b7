//! A directory that is held open, so that another directory cannot take its place.
//!
//! Every name inside is opened relative to it and without following links: a symbolic link in a layout of unknown
//! origin could point anywhere.

use std::{
    fs::File,
    io::{self, Read, Write},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use rustix::{
    fs::{AtFlags, FileType, Mode, OFlags},
    io::Errno,
};
use sealift_core::error::Result;

use crate::fault::{broken, fault, fault_writing};

/// Tells whether a file is still the one that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    inode: u64,
    size: i64,
    changed: (i64, i64),
}

#[derive(Debug)]
pub(crate) struct Dir {
    fd: OwnedFd,
    path: PathBuf,
    /// Held from a rename into this directory until the new name was looked at.
    naming: Mutex<()>,
}

/// Returns the error for what is no directory, with the way to one for an archive.
pub(crate) fn no_directory(path: &Path) -> sealift_core::error::Error {
    let mut start = [0; 262];
    // Not blocking, because opening a named pipe would wait for its other end.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = rustix::fs::open(path, flags, Mode::empty()).map(File::from);
    let read =
        file.is_ok_and(|mut file| file.metadata().is_ok_and(|meta| meta.is_file()) && file.read(&mut start).is_ok());
    let compressed = [&b"\x1f\x8b"[..], b"\x28\xb5\x2f\xfd"].iter().any(|magic| start.starts_with(magic));
    match read && (compressed || start.ends_with(b"ustar")) {
        true => broken(path, "is an archive, and a directory is expected")
            .with_hint(format!("unpack it: `mkdir DIR && tar -xf {0} -C DIR`", path.display())),
        false => broken(path, "is not a directory"),
    }
}

/// The hint for something that has the name of a file and is none.
const IN_THE_WAY: &str = "remove it, and bring the file itself, or write the image into the directory again";

const READ: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NOFOLLOW);

impl Dir {
    /// Opens the directory that the user named; that name may be a link. None if there is nothing.
    pub(crate) fn root(path: &Path) -> Result<Option<Self>> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::DIRECTORY;
        match rustix::fs::open(path, flags, Mode::empty()) {
            Ok(fd) => Ok(Some(Self { fd, path: path.to_owned(), naming: Mutex::default() })),
            Err(Errno::NOENT) => Ok(None),
            Err(Errno::NOTDIR) => Err(no_directory(path)),
            Err(error) => Err(fault("open", path, error)),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn file_path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// A directory inside; none if there is nothing.
    pub(crate) fn sub(&self, name: &str) -> Result<Option<Self>> {
        let path = self.file_path(name);
        match rustix::fs::openat(&self.fd, name, READ | OFlags::DIRECTORY, Mode::empty()) {
            Ok(fd) => Ok(Some(Self { fd, path, naming: Mutex::default() })),
            Err(Errno::NOENT) => Ok(None),
            Err(Errno::LOOP | Errno::NOTDIR) => Err(self.no_directory(name)),
            Err(error) => Err(fault("open", &path, error)),
        }
    }

    /// A directory inside, made if there is nothing. A new one is on the disk when this returns.
    pub(crate) fn make_sub(&self, name: &str) -> Result<Self> {
        match rustix::fs::mkdirat(&self.fd, name, Mode::from_raw_mode(0o755)) {
            Ok(()) => {
                journal::note("make", &self.file_path(name));
                self.sync()?;
            }
            Err(Errno::EXIST) => {}
            Err(error) => return Err(fault("create", &self.file_path(name), error)),
        }
        self.sub(name)?.ok_or_else(|| fault("open", &self.file_path(name), Errno::NOENT))
    }

    fn no_directory(&self, name: &str) -> sealift_core::error::Error {
        let path = self.file_path(name);
        if self.file_type(name) == Some(FileType::Symlink) {
            broken(&path, "is a symbolic link, which an image layout may not have")
        } else {
            broken(&path, "is not a directory")
        }
    }

    fn file_type(&self, name: &str) -> Option<FileType> {
        let stat = rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        Some(FileType::from_raw_mode(stat.st_mode))
    }

    /// Returns true if anything has this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.file_type(name).is_some()
    }

    /// Opens a regular file and says how long it is; none if there is nothing.
    pub(crate) fn open(&self, name: &str) -> Result<Option<(File, u64)>> {
        let path = self.file_path(name);
        // Not blocking, because opening a named pipe would wait for its other end.
        let fd = match rustix::fs::openat(&self.fd, name, READ | OFlags::NONBLOCK, Mode::empty()) {
            Ok(fd) => fd,
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP) => {
                return Err(
                    broken(&path, "is a symbolic link, which an image layout may not have").with_hint(IN_THE_WAY)
                );
            }
            Err(error) => return Err(fault("open", &path, error)),
        };
        let file = File::from(fd);
        let meta = file.metadata().map_err(|error| fault("look at", &path, error))?;
        if !meta.is_file() {
            return Err(broken(&path, "is not a regular file").with_hint(IN_THE_WAY));
        }
        Ok(Some((file, meta.len())))
    }

    /// Reads a small file; none if there is nothing. A longer one than `cap` is refused.
    pub(crate) fn read(&self, name: &str, cap: u64) -> Result<Option<(Vec<u8>, Stamp)>> {
        let Some((file, _)) = self.open(name)? else { return Ok(None) };
        let path = self.file_path(name);
        let stamp = Stamp::of(&rustix::fs::fstat(&file).map_err(|error| fault("look at", &path, error))?);
        let mut bytes = Vec::new();
        file.take(cap + 1).read_to_end(&mut bytes).map_err(|error| fault("read", &path, error))?;
        if bytes.len() as u64 > cap {
            return Err(broken(&path, format_args!("is longer than {cap} bytes")));
        }
        Ok(Some((bytes, stamp)))
    }

    /// The stamp of a file; none if there is nothing.
    pub(crate) fn stamp(&self, name: &str) -> Option<Stamp> {
        rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW).ok().map(|stat| Stamp::of(&stat))
    }

    /// Returns true if the path still leads to this directory, which was neither moved nor replaced.
    pub(crate) fn is_at_its_path(&self) -> bool {
        let (Ok(here), Ok(there)) = (rustix::fs::fstat(&self.fd), rustix::fs::stat(&self.path)) else { return false };
        (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)
    }

    /// Returns true if this name stands for this open file, and for nothing else that was put in its place.
    pub(crate) fn is_named(&self, file: &File, name: &str) -> bool {
        let named = rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW);
        let (Ok(file), Ok(named)) = (rustix::fs::fstat(file), named) else { return false };
        (file.st_dev, file.st_ino) == (named.st_dev, named.st_ino)
    }

    /// Opens a file for reading and writing, made if there is nothing.
    pub(crate) fn open_or_create(&self, name: &str) -> Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let fd = rustix::fs::openat(&self.fd, name, flags, Mode::from_raw_mode(0o644));
        fd.map(File::from).map_err(|error| fault("open", &self.file_path(name), error))
    }

    /// Makes a hidden file of a new name, for content that gets its own name later.
    pub(crate) fn create_part(&self, hint: &str) -> Result<(String, File)> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        loop {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let name = format!(".{hint}.{}.{number}{PART}", std::process::id());
            match rustix::fs::openat(&self.fd, name.as_str(), flags, Mode::from_raw_mode(0o644)) {
                Ok(fd) => return Ok((name, File::from(fd))),
                Err(Errno::EXIST) => {} // left behind by a process that had our number
                Err(error) => return Err(fault_writing(&self.file_path(&name), error, None)),
            }
        }
    }

    /// Opens what [`Dir::create_part`] made, for more content.
    pub(crate) fn open_part(&self, name: &str) -> Result<File> {
        let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let fd = rustix::fs::openat(&self.fd, name, flags, Mode::empty());
        fd.map(File::from).map_err(|error| fault("open", &self.file_path(name), error))
    }

    /// Lists the content: name, type and length. Links are not followed.
    pub(crate) fn list(&self) -> Result<Vec<(String, FileType, u64)>> {
        let fault = |error: Errno| fault("list", &self.path, error);
        let mut found = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.fd).map_err(fault)? {
            let name = entry.map_err(fault)?.file_name().to_owned();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            // What is gone by now was not there.
            let Ok(stat) = rustix::fs::statat(&self.fd, &*name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
            let length = u64::try_from(stat.st_size).unwrap_or_default();
            found.push((name.to_string_lossy().into_owned(), FileType::from_raw_mode(stat.st_mode), length));
        }
        Ok(found)
    }

    /// Returns what [`Dir::create_part`] made and that got no other name: names and lengths.
    pub(crate) fn parts(&self) -> Result<Vec<(String, u64)>> {
        let parts = self.list()?.into_iter().filter(|(name, ..)| is_part(name));
        Ok(parts.map(|(name, _, length)| (name, length)).collect())
    }

    /// Removes what [`Dir::create_part`] made and that got no other name. Needs the lock.
    pub(crate) fn remove_parts(&self) -> Result<()> {
        for (name, _) in self.parts()? {
            self.remove(&name);
        }
        Ok(())
    }

    /// Does the same, but keeps large parts of blobs that are not there: a writer that wants such a blob goes on with it.
    pub(crate) fn remove_stale_parts(&self) -> Result<()> {
        for (name, length) in self.parts()? {
            let is_wanted = |hex: &str| is_hex(hex) && length >= WORTH_KEEPING && !self.has(hex);
            if !hint(&name).is_some_and(is_wanted) {
                self.remove(&name);
            }
        }
        Ok(())
    }

    /// Makes a part of the blob with this hash, which is kept if it is large and the process ends.
    pub(crate) fn create_kept_part(&self, hex: &str) -> Result<(String, File)> {
        let (name, file) = self.create_part(hex)?;
        is_alone(&file); // so that no other task takes it
        Ok((name, file))
    }

    /// Takes the longest part of a blob that an earlier writer left, for more content.
    pub(crate) fn take_kept_part(&self, hex: &str) -> Result<Option<(String, File, u64)>> {
        let mut parts: Vec<_> = self.parts()?.into_iter().filter(|(name, _)| hint(name) == Some(hex)).collect();
        parts.sort_by_key(|(_, length)| *length);
        while let Some((name, length)) = parts.pop().filter(|(_, length)| *length >= WORTH_KEEPING) {
            match self.open_part(&name) {
                Ok(file) if is_alone(&file) && self.is_named(&file, &name) => return Ok(Some((name, file, length))),
                _ => {}
            }
        }
        Ok(None)
    }

    /// Returns true if it contains only hidden files.
    pub(crate) fn is_empty(&self) -> Result<bool> {
        let entries = rustix::fs::Dir::read_from(&self.fd).map_err(|error| fault("list", &self.path, error))?;
        for entry in entries {
            let entry = entry.map_err(|error| fault("list", &self.path, error))?;
            if !entry.file_name().to_bytes().starts_with(b".") {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Says beforehand if so many bytes do not fit, or not into a file that gets this length.
    pub(crate) fn check_room(&self, need: u64, length: u64) -> Result<()> {
        if self.largest_file().is_some_and(|most| most < length) {
            return Err(fault_writing(&self.path, Errno::FBIG, Some(length)));
        }
        // Some file systems in user space do not count at all, so nothing is said of those.
        let free = rustix::fs::fstatvfs(&self.fd).ok().filter(|stat| stat.f_blocks > 0);
        match free.map(|stat| stat.f_bavail.saturating_mul(stat.f_frsize)) {
            Some(free) if free < need => Err(fault_writing(&self.path, Errno::NOSPC, Some(need))),
            _ => Ok(()),
        }
    }

    /// Returns the longest possible file here, as limited by the process or the file system; none if unknown.
    fn largest_file(&self) -> Option<u64> {
        let limit = rustix::process::getrlimit(rustix::process::Resource::Fsize).current;
        [limit, self.most_of_file_system()].into_iter().flatten().min()
    }

    #[cfg(target_os = "linux")]
    fn most_of_file_system(&self) -> Option<u64> {
        rustix::fs::fstatfs(&self.fd).ok().and_then(|stat| most_of(stat.f_type))
    }

    #[cfg(not(target_os = "linux"))]
    fn most_of_file_system(&self) -> Option<u64> {
        None // the numbers of file systems are Linux's
    }

    /// Removes a file, if it is there; what cannot be removed is found again later.
    pub(crate) fn remove(&self, name: &str) {
        if let Err(error) = rustix::fs::unlinkat(&self.fd, name, AtFlags::empty())
            && error != Errno::NOENT
        {
            tracing::debug!(path = %self.file_path(name).display(), %error, "cannot remove");
        }
    }

    /// Gives an open file its name, in this directory or another one of the same disk.
    ///
    /// # Errors
    /// Also if something else was put in the place of the file meanwhile; that does not keep the name.
    pub(crate) fn rename(&self, name: &str, file: &File, to: &Self, new_name: &str) -> Result<()> {
        let path = to.file_path(new_name);
        // Several tasks may bring the same blob; another one's file under the name would look like an exchanged one.
        let _naming = to.naming.lock().unwrap_or_else(PoisonError::into_inner);
        rustix::fs::renameat(&self.fd, name, &to.fd, new_name).map_err(|error| fault("name", &path, error))?;
        journal::note("name", &path);
        if to.is_named(file, new_name) {
            return Ok(());
        }
        to.remove(new_name);
        Err(broken(&path, "was exchanged for something else while it was written").with_hint(ALONE))
    }

    /// Waits until the names in this directory are on the disk.
    pub(crate) fn sync(&self) -> Result<()> {
        journal::note("sync", &self.path);
        match rustix::fs::fsync(&self.fd) {
            // Some network file systems do not know this for directories.
            Ok(()) | Err(Errno::INVAL | Errno::NOTSUP) => Ok(()),
            Err(error) => Err(fault("sync", &self.path, error)),
        }
    }

    /// Replaces a file as a whole: a reader sees the old one or the new one.
    pub(crate) fn replace(&self, name: &str, bytes: &[u8], sync: bool) -> Result<()> {
        self.prepare(name, bytes, sync)?.put_in_place(sync).map(drop)
    }

    /// Writes the content of a file under a hidden name.
    pub(crate) fn prepare<'a>(&'a self, name: &'a str, bytes: &[u8], sync: bool) -> Result<Prepared<'a>> {
        let (part, file) = self.create_part(name)?;
        let mut prepared = Prepared { dir: self, name, part: Some(part), file };
        let written = prepared.file.write_all(bytes);
        let written = written.and_then(|()| if sync { prepared.file.sync_all() } else { Ok(()) });
        written.map_err(|error| fault_writing(&self.file_path(name), error, Some(bytes.len() as u64)))?;
        Ok(prepared)
    }
}

/// A file that has its content and not yet its name. Dropped, it is gone.
pub(crate) struct Prepared<'a> {
    dir: &'a Dir,
    name: &'a str,
    part: Option<String>,
    file: File,
}

impl Prepared<'_> {
    /// Gives it its name, and returns its stamp.
    pub(crate) fn put_in_place(mut self, sync: bool) -> Result<Stamp> {
        let part = self.part.take().expect("it has no name yet");
        if let Err(error) = self.dir.rename(&part, &self.file, self.dir, self.name) {
            self.dir.remove(&part);
            return Err(error);
        }
        if sync {
            self.dir.sync()?;
        }
        let stat = rustix::fs::fstat(&self.file);
        stat.map(|stat| Stamp::of(&stat)).map_err(|error| fault("look at", &self.dir.file_path(self.name), error))
    }
}

impl Drop for Prepared<'_> {
    fn drop(&mut self) {
        if let Some(part) = &self.part {
            self.dir.remove(part);
        }
    }
}

/// The hint for changes by another program that only one program may make.
pub(crate) const ALONE: &str = "let no other program change this directory meanwhile, and run again";

/// The end of names that are not final.
const PART: &str = ".part";

/// The files that [`Dir::create_part`] is asked for: others in the directory may have hidden `.part` files, too.
const HINTS: [&str; 6] = ["blob", "oci-layout", "index.json", "doubts", "staged", "lock"];

/// The length from which a part of a blob is kept for the next writer.
pub(crate) const WORTH_KEEPING: u64 = 8 << 20;

/// Returns true if [`Dir::create_part`] gives such names.
pub(crate) fn is_part(name: &str) -> bool {
    hint(name).is_some()
}

/// Returns what [`Dir::create_part`] was asked for by the name that it gave: `.HINT.PROCESS.NUMBER.part`.
fn hint(name: &str) -> Option<&str> {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let mut parts = name.strip_prefix('.')?.strip_suffix(PART)?.rsplitn(3, '.');
    let (last, process, hint) = (parts.next()?, parts.next()?, parts.next()?);
    (number(last) && number(process) && (HINTS.contains(&hint) || is_hex(hint))).then_some(hint)
}

/// Returns true for the digits of a SHA-256.
fn is_hex(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Returns true if no other task has the file open as its part. The lock ends with the last handle of the file.
fn is_alone(file: &File) -> bool {
    rustix::fs::flock(file, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_ok()
}

impl Stamp {
    /// The stamp of an open file.
    pub(crate) fn of_file(file: &File) -> io::Result<Self> {
        Ok(Self::of(&rustix::fs::fstat(file)?))
    }

    fn of(stat: &rustix::fs::Stat) -> Self {
        #[expect(clippy::unnecessary_cast, reason = "these types differ between systems")]
        Self {
            inode: stat.st_ino as u64,
            size: stat.st_size as i64,
            changed: (stat.st_mtime as i64, stat.st_mtime_nsec as i64),
        }
    }
}

/// The longest file that a kind of file system can have; none if it is long enough for everything.
#[cfg(target_os = "linux")]
fn most_of(kind: rustix::fs::FsWord) -> Option<u64> {
    /// FAT12 to FAT32 (`MSDOS_SUPER_MAGIC` in linux/magic.h); exFAT has another number.
    const FAT: rustix::fs::FsWord = 0x4d44;
    (kind == FAT).then_some(u32::MAX.into())
}

/// Makes a directory and those above it. New ones are on the disk when this returns.
pub(crate) fn make_all(path: &Path) -> Result<()> {
    let missing: Vec<&Path> = path.ancestors().take_while(|path| std::fs::metadata(path).is_err()).collect();
    std::fs::create_dir_all(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => no_directory(path),
        _ => fault("create", path, error),
    })?;
    missing.into_iter().rev().for_each(sync_parent);
    Ok(())
}

/// Waits until the name of a directory is on the disk. A parent that may not be opened is left out.
pub(crate) fn sync_parent(path: &Path) {
    let parent = path.parent().map(|parent| if parent.as_os_str().is_empty() { Path::new(".") } else { parent });
    let Some(Ok(Some(parent))) = parent.map(Dir::root) else { return };
    if let Err(error) = parent.sync() {
        tracing::debug!(path = %parent.path().display(), %error, "cannot wait for the disk");
    }
}

/// Records operations on directories, so that tests can check their order. A crash test cannot: it sees a disk that
/// loses nothing.
#[cfg(test)]
pub(crate) mod journal {
    use std::{cell::RefCell, path::Path};

    thread_local!(static DONE: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) });

    pub(crate) fn note(what: &str, path: &Path) {
        DONE.with_borrow_mut(|done| done.push(format!("{what} {}", path.display())));
    }

    /// Returns what this thread did since it was last asked.
    pub(crate) fn take() -> Vec<String> {
        DONE.take()
    }
}

#[cfg(not(test))]
mod journal {
    pub(super) fn note(_: &str, _: &std::path::Path) {}
}

#[cfg(test)]
mod tests;
