//! The file of `--log`.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tracing_subscriber::fmt::MakeWriter;

use crate::display::{Console, clean, io_message};

/// The file of `--log`. A line that cannot be written goes to stderr. Clones share the file.
#[derive(Clone)]
pub(crate) struct LogFile(Arc<OpenLogFile>);

struct OpenLogFile {
    path: PathBuf,
    file: File,
    console: Console,
    failed: AtomicBool,
}

impl LogFile {
    /// Opens the file to append to it.
    ///
    /// # Errors
    /// If it cannot be opened, or is a pipe that nothing reads.
    pub(super) fn open(path: &Path, console: &Console) -> io::Result<Self> {
        let file = open(path)?;
        Ok(Self(Arc::new(OpenLogFile {
            path: path.to_owned(),
            file,
            console: console.clone(),
            failed: AtomicBool::new(false),
        })))
    }

    /// Returns true if a line could not be written.
    pub(crate) fn has_failed(&self) -> bool {
        self.0.failed.load(Ordering::Relaxed)
    }
}

/// Opens a file to append to it.
///
/// # Errors
/// If it cannot be opened, or is a pipe that nothing reads.
#[cfg(unix)]
pub(crate) fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};

    use rustix::{
        fs::{OFlags, fcntl_getfl, fcntl_setfl},
        io::Errno,
    };
    // Opening a pipe waits for a reader otherwise, for ever and without a word.
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).expect("flags of open are numbers of C");
    let file = OpenOptions::new().create(true).append(true).custom_flags(flags).open(path).map_err(|error| {
        let is_pipe = path.metadata().is_ok_and(|found| found.file_type().is_fifo());
        let unread = is_pipe && error.raw_os_error() == Some(Errno::NXIO.raw_os_error());
        if unread { io::Error::other("it is a pipe that nothing reads") } else { error }
    })?;
    // A slow reader slows the program down and loses no line.
    fcntl_setfl(&file, fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
    Ok(file)
}

#[cfg(not(unix))]
pub(crate) fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

impl OpenLogFile {
    fn write(&self, line: &[u8]) {
        let Err(error) = (&self.file).write_all(line) else { return };
        if !self.failed.swap(true, Ordering::Relaxed) {
            let path = self.path.display();
            self.console.say(&format!(
                "warning: cannot write to `{path}`: {}\nhint: the lines that it does not take follow here",
                io_message(&error)
            ));
        }
        self.console.say(String::from_utf8_lossy(line).trim_end());
    }
}

/// The text of one line, which is written when it is complete.
pub(crate) struct LogFileLine {
    to: Arc<OpenLogFile>,
    text: Vec<u8>,
}

impl<'a> MakeWriter<'a> for LogFile {
    type Writer = LogFileLine;

    fn make_writer(&'a self) -> LogFileLine {
        LogFileLine { to: Arc::clone(&self.0), text: Vec::new() }
    }
}

impl Write for LogFileLine {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for LogFileLine {
    fn drop(&mut self) {
        if !self.text.is_empty() {
            self.to.write(clean(&String::from_utf8_lossy(&self.text)).as_bytes());
        }
    }
}
