//! The list of `--output-success-images`: a map from source to destinations, of everything that is there now.
//!
//! It is written while the run goes on and is a whole document after every entry, so a run that is killed leaves a
//! file that can be read. A source whose targets came to their end at different times (further rounds, two rules)
//! would be written twice; such files are put in order at the end. What is no regular file (`/dev/stdout`, a pipe) gets
//! the whole list at the end.

use std::{
    collections::{BTreeMap, HashMap, HashSet, hash_map::RandomState},
    fs::File,
    hash::BuildHasher,
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use sealift_core::{
    async_trait,
    error::Result,
    event::Event,
    job::{Outcome, Skip},
    observer::{Delivery, Observer},
};

use crate::logging;

/// The format of the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum SuccessListFormat {
    /// A YAML mapping.
    #[default]
    Yaml,
    /// A JSON object.
    Json,
}

/// Writes the list while the run goes on.
pub(crate) struct SuccessList(Mutex<ListFile>);

struct ListFile {
    file: File,
    /// The path of a pipe or device, which gets everything at the end; `file` is a temporary one until then.
    stream: Option<PathBuf>,
    format: SuccessListFormat,
    /// The offset of the next entry: before the end of the document.
    at: u64,
    entries: u64,
    /// Successful targets of jobs that have not ended.
    open: HashMap<u64, (String, Vec<String>)>,
    /// Hashes of the sources that are in the file: 8 bytes an image, and only if this list is wanted.
    written: HashSet<u64>,
    hasher: RandomState,
    twice: bool,
    failure: Option<io::Error>,
}

impl SuccessList {
    /// Creates the file, empty.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn create(path: &Path, format: SuccessListFormat) -> io::Result<Self> {
        // What is not there yet becomes a regular file.
        let stream = path.metadata().is_ok_and(|found| !found.is_file() && !found.is_dir());
        let mut file = match stream {
            true => tempfile::tempfile()?,
            false => File::options().read(true).write(true).create(true).truncate(true).open(path)?,
        };
        file.write_all(b"{}\n")?;
        Ok(Self(Mutex::new(ListFile {
            file,
            stream: stream.then(|| path.to_owned()),
            format,
            at: 0,
            entries: 0,
            open: HashMap::new(),
            written: HashSet::new(),
            hasher: RandomState::new(),
            twice: false,
            failure: None,
        })))
    }

    /// Ends the list.
    ///
    /// # Errors
    /// If something could not be written, now or earlier.
    pub(crate) fn finish(&self) -> io::Result<()> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let open = std::mem::take(&mut state.open);
        for (source, targets) in open.into_values() {
            state.write(&source, &targets);
        }
        if state.twice && state.failure.is_none() {
            state.failure = state.put_in_order().err();
        }
        if state.failure.is_none() {
            state.failure = state.hand_on().err();
        }
        state.failure.take().map_or(Ok(()), Err)
    }
}

#[async_trait]
impl Observer for SuccessList {
    fn delivery(&self) -> Delivery {
        Delivery::Lossless { queue: 1024 }
    }

    async fn event(&self, event: &Event) -> Result<()> {
        self.take(event);
        Ok(())
    }
}

impl SuccessList {
    fn take(&self, event: &Event) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::TargetFinished { job, source, target: Some(target), outcome, .. } => {
                if matches!(outcome, Outcome::Copied(_) | Outcome::Skipped(Skip::Present { .. })) {
                    let entry = state.open.entry(*job).or_insert_with(|| (source.to_string(), Vec::new()));
                    entry.1.push(target.to_string());
                }
            }
            Event::JobFinished { job } => {
                if let Some((source, targets)) = state.open.remove(job) {
                    state.write(&source, &targets);
                }
            }
            _ => {}
        }
    }
}

impl ListFile {
    fn write(&mut self, source: &str, targets: &[String]) {
        if self.failure.is_some() {
            return;
        }
        let hash = self.hasher.hash_one(source);
        self.twice |= !self.written.insert(hash);
        self.failure = self.append(source, targets).err();
    }

    fn append(&mut self, source: &str, targets: &[String]) -> io::Result<()> {
        let mut text = match (self.format, self.entries) {
            (SuccessListFormat::Yaml, _) => String::new(),
            (SuccessListFormat::Json, 0) => "{\n".to_owned(),
            (SuccessListFormat::Json, _) => ",\n".to_owned(),
        };
        text += &entry(self.format, source, targets);
        let end = if self.format == SuccessListFormat::Json { "\n}\n" } else { "" };
        let next = self.at + text.len() as u64;
        self.file.seek(SeekFrom::Start(self.at))?;
        self.file.write_all((text + end).as_bytes())?;
        self.at = next;
        self.entries += 1;
        Ok(())
    }

    /// Writes everything to what is no regular file.
    fn hand_on(&mut self) -> io::Result<()> {
        let Some(path) = &self.stream else { return Ok(()) };
        self.file.seek(SeekFrom::Start(0))?;
        io::copy(&mut self.file, &mut logging::open(path)?)?;
        Ok(())
    }

    /// Reads the file again and writes every source once.
    fn put_in_order(&mut self) -> io::Result<()> {
        let mut text = String::new();
        self.file.seek(SeekFrom::Start(0))?;
        self.file.read_to_string(&mut text)?;
        let mut order: Vec<String> = Vec::new();
        let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (source, targets) in entries(self.format, &text) {
            let known = all.entry(source.clone()).or_insert_with(|| {
                order.push(source);
                Vec::new()
            });
            for target in targets {
                if !known.contains(&target) {
                    known.push(target);
                }
            }
        }
        self.file.set_len(0)?;
        (self.at, self.entries) = (0, 0);
        order.iter().try_for_each(|source| self.append(source, &all[source]))
    }
}

/// One entry. Both formats quote as JSON does, which is YAML too.
fn entry(format: SuccessListFormat, source: &str, targets: &[String]) -> String {
    let quote = |text: &str| serde_json::to_string(text).expect("a text can be written as JSON");
    match format {
        SuccessListFormat::Yaml => {
            let targets: String = targets.iter().map(|target| format!("  - {}\n", quote(target))).collect();
            format!("{}:\n{targets}", quote(source))
        }
        SuccessListFormat::Json => {
            let targets: Vec<_> = targets.iter().map(|target| quote(target)).collect();
            format!("  {}: [{}]", quote(source), targets.join(", "))
        }
    }
}

/// The entries of a file that this program wrote.
fn entries(format: SuccessListFormat, text: &str) -> Vec<(String, Vec<String>)> {
    let unquote = |text: &str| serde_json::from_str::<String>(text).ok();
    let mut all: Vec<(String, Vec<String>)> = Vec::new();
    for line in text.lines() {
        match format {
            SuccessListFormat::Yaml => match line.strip_prefix("  - ") {
                Some(target) => {
                    if let (Some((_, targets)), Some(target)) = (all.last_mut(), unquote(target)) {
                        targets.push(target);
                    }
                }
                None => all.extend(unquote(line.trim_end_matches(':')).map(|source| (source, Vec::new()))),
            },
            SuccessListFormat::Json => {
                let line = line.trim_end_matches(',');
                let map: Option<BTreeMap<String, Vec<String>>> = serde_json::from_str(&format!("{{{line}}}")).ok();
                all.extend(map.into_iter().flatten());
            }
        }
    }
    all
}

#[cfg(test)]
mod tests;
