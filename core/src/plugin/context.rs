//! The context in which a plugin is built.

use std::{
    any::Any,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use parking::Lock;

use super::{ConfigError, Extensions, Problem, Section, Sections};
use crate::{
    cache::Cache,
    diagnostic::Diagnostic,
    limit::Limiter,
    login::LoginProvider,
    secret::{Secret, SecretValue},
};

/// Looks up an environment variable. Core itself reads none.
pub type Environment = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// The purpose of building a pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To look whether it is right: a variable that is not set is a warning.
    Check,
    /// To run: a variable that is not set is an error.
    Run,
}

/// The context in which a plugin is built: sections that stages share, the environment, the base directory.
pub struct BuildContext<'a> {
    sections: Option<&'a Sections>,
    environment: Environment,
    base: PathBuf,
    purpose: Purpose,
    notes: Cache,
    limiter: Limiter,
    logins: Vec<Arc<dyn LoginProvider>>,
    automatic_logins: Vec<Arc<dyn LoginProvider>>,
    is_automatic: bool,
    extensions: Extensions,
    targets_claimed: AtomicBool,
    warnings: Lock<Vec<Problem>>,
}

impl<'a> BuildContext<'a> {
    /// A context without sections other than their defaults.
    pub fn new(environment: Environment, base: impl Into<PathBuf>, purpose: Purpose) -> Self {
        Self {
            sections: None,
            environment,
            base: base.into(),
            purpose,
            notes: Cache::default(),
            limiter: Limiter::default(),
            logins: Vec::new(),
            automatic_logins: Vec::new(),
            is_automatic: false,
            extensions: Extensions::default(),
            targets_claimed: AtomicBool::new(false),
            warnings: Lock::default(),
        }
    }

    /// The same with the sections of a pipeline.
    #[must_use]
    pub fn with_sections(self, sections: &'a Sections) -> Self {
        Self { sections: Some(sections), ..self }
    }

    /// The same with what is remembered between runs.
    #[must_use]
    pub fn with_cache(self, notes: Cache) -> Self {
        Self { notes, ..self }
    }

    /// The same with the limiter of a run.
    #[must_use]
    pub fn with_limiter(self, limiter: Limiter) -> Self {
        Self { limiter, ..self }
    }

    /// The same with the values that the program hands to plugins.
    #[must_use]
    pub fn with_extensions(self, extensions: Extensions) -> Self {
        Self { extensions, ..self }
    }

    /// Returns the value of a type that the program hands to plugins, if it does.
    pub fn extension<T: Any + Clone>(&self) -> Option<T> {
        self.extensions.get()
    }

    /// The same with the logins of a pipeline.
    #[must_use]
    pub fn with_logins(self, logins: Vec<Arc<dyn LoginProvider>>) -> Self {
        Self { logins, ..self }
    }

    /// Returns the providers of `[[login]]`, in the order in which they are asked. A login itself sees none.
    pub fn logins(&self) -> &[Arc<dyn LoginProvider>] {
        &self.logins
    }

    /// The same with the logins that no table names.
    #[must_use]
    pub fn with_automatic_logins(self, automatic_logins: Vec<Arc<dyn LoginProvider>>) -> Self {
        Self { automatic_logins, ..self }
    }

    /// Returns the providers that no table names and that know their hosts. They are asked last.
    pub fn automatic_logins(&self) -> &[Arc<dyn LoginProvider>] {
        &self.automatic_logins
    }

    /// The same for a plugin that no table names.
    #[must_use]
    pub fn automatic(self) -> Self {
        Self { is_automatic: true, ..self }
    }

    /// Returns true if no table names the plugin. A login then looks at the environment and nowhere else.
    pub fn is_automatic(&self) -> bool {
        self.is_automatic
    }

    /// Returns the notes of earlier runs.
    pub fn cache(&self) -> &Cache {
        &self.notes
    }

    /// Returns the limiter that all requests of a run share.
    pub fn limiter(&self) -> &Limiter {
        &self.limiter
    }

    /// Returns the purpose of building the pipeline.
    pub fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// A section that stages share: built once for a pipeline, from its table or from nothing.
    ///
    /// # Errors
    /// If it cannot be built. The error is without problems then, because they are told once at the section's own
    /// table: hand it on with `?`.
    pub fn section<S: Section>(&self) -> Result<Arc<S>, ConfigError> {
        match self.sections {
            Some(sections) => sections.get::<S>(self),
            None => S::build(None, self).map(Arc::new),
        }
    }

    /// An environment variable.
    pub fn env(&self, name: &str) -> Option<String> {
        (self.environment)(name)
    }

    /// The environment, for what must look up variables later.
    pub fn environment(&self) -> Environment {
        Arc::clone(&self.environment)
    }

    /// A path as the user wrote it, seen from the directory of the pipeline file.
    pub fn path(&self, written: impl AsRef<Path>) -> PathBuf {
        self.base.join(written)
    }

    /// The value of a key. When only checking, a variable that is not set is a warning and gives an empty text.
    ///
    /// # Errors
    /// When running: if the variable is not set or empty.
    pub fn reveal(&self, value: &SecretValue, key: &str) -> Result<Secret, ConfigError> {
        value.reveal(|name| self.env(name)).or_else(|name| {
            let state = if self.env(&name).is_some() { "empty" } else { "not set" };
            let message = format!("the environment variable `{name}` of `{key}` is {state}");
            let hint = format!("set `{name}` in the environment of the run");
            match self.purpose {
                Purpose::Run => Err(ConfigError::new(message).at(key).hint(hint)),
                Purpose::Check => {
                    self.warn_at(key, Diagnostic::warning(message).hint(hint));
                    Ok(Secret::new(""))
                }
            }
        })
    }

    /// Says something that does not stop the run.
    pub fn warn(&self, diagnostic: Diagnostic) {
        self.warnings.with(|warnings| warnings.push(Problem { key: None, diagnostic }));
    }

    /// Says something of a key that does not stop the run; `key` is a path as in [`Problem::key`].
    pub fn warn_at(&self, key: impl Into<String>, diagnostic: Diagnostic) {
        self.warnings.with(|warnings| warnings.push(Problem { key: Some(key.into()), diagnostic }));
    }

    /// The warnings so far, taken out.
    pub fn take_warnings(&self) -> Vec<Problem> {
        self.warnings.with(std::mem::take)
    }

    /// Runs `work` and returns its warnings apart from those of the plugin being built.
    pub(super) fn apart<T>(&self, work: impl FnOnce(&Self) -> T) -> (T, Vec<Problem>) {
        let others = self.take_warnings();
        let result = work(self);
        let own = self.warnings.with(|warnings| std::mem::replace(warnings, others));
        (result, own)
    }

    /// Asks for the targets that rules give: the first push that asks gets them, every other one must place by
    /// itself.
    pub fn claim_targets(&self) -> bool {
        !self.targets_claimed.swap(true, Ordering::Relaxed)
    }
}

/// A mutex that is only held for the length of a closure, so never across an await.
mod parking {
    use std::sync::{Mutex, PoisonError};

    #[derive(Default)]
    pub(super) struct Lock<T>(Mutex<T>);

    impl<T> Lock<T> {
        pub(super) fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
            work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
        }
    }
}
