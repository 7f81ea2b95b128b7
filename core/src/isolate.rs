//! Isolation of plugins: contains their panics and hangs.
//!
//! Each call of a plugin goes through [`Isolated::call`] or [`Isolated::ask`]. A call that panics, or that takes longer
//! than its limit, becomes an error that names the plugin and the operation. A thread that a plugin blocks is not freed.

use std::{
    any::Any,
    fmt::Display,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use futures::FutureExt;

use crate::{
    error::{Error, ErrorKind, Result},
    panic::panic_message,
};

/// A plugin whose calls are isolated.
pub(crate) struct Isolated<S: ?Sized> {
    role: &'static str,
    kind: Arc<str>,
    /// The time that a call may take.
    limit: Duration,
    plugin: Arc<S>,
}

impl<S: ?Sized> Isolated<S> {
    pub(crate) fn new(role: &'static str, kind: Arc<str>, limit: Duration, plugin: Arc<S>) -> Self {
        Self { role, kind, limit, plugin }
    }

    /// Returns the kind of the plugin, such as `registry`.
    pub(crate) fn kind(&self) -> &Arc<str> {
        &self.kind
    }

    /// Awaits a call. `operation` completes the sentence "the plugin broke while it …".
    pub(crate) async fn call<'s, T, F>(&'s self, operation: &str, call: impl FnOnce(&'s S) -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let called = async { call(&self.plugin).await };
        match tokio::time::timeout(self.limit, AssertUnwindSafe(called).catch_unwind()).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(panic)) => Err(self.broken(operation, &*panic)),
            Err(_) => {
                let what = format_args!("the {} `{}` {operation}, without an answer,", self.role, self.kind);
                Err(hung(what, self.limit))
            }
        }
    }

    /// Makes a call that answers at once.
    pub(crate) fn ask<'s, T>(&'s self, operation: &str, call: impl FnOnce(&'s S) -> T) -> Result<T> {
        catch_unwind(AssertUnwindSafe(|| call(&self.plugin))).map_err(|panic| self.broken(operation, &*panic))
    }

    /// Awaits a call of something that not every plugin can do; one that cannot answers with the default.
    pub(crate) async fn call_if<'s, T: Default, F>(
        &'s self,
        operation: &str,
        call: impl FnOnce(&'s S) -> Option<F>,
    ) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let called = self.call(operation, |plugin| {
            let called = call(plugin);
            async move {
                match called {
                    Some(called) => called.await,
                    None => Ok(T::default()),
                }
            }
        });
        called.await
    }

    /// Asks for something that only helps. The answer of a plugin that cannot tell, or breaks, is the default.
    pub(crate) fn hint<'s, T: Default>(&'s self, operation: &str, call: impl FnOnce(&'s S) -> Option<T>) -> T {
        self.ask(operation, call).ok().flatten().unwrap_or_default()
    }

    fn broken(&self, operation: &str, panic: &(dyn Any + Send)) -> Error {
        let (role, kind, text) = (self.role, &self.kind, panic_message(panic));
        Error::new(ErrorKind::Bug, format!("the {role} `{kind}` broke while it {operation}: {text}"))
    }
}

/// Returns the error of an operation that made no progress within the time limit.
pub(crate) fn hung(what: impl Display, limit: Duration) -> Error {
    let limit = match limit.as_secs() {
        seconds if seconds >= 120 => format!("{} minutes", seconds / 60),
        seconds => format!("{seconds} seconds"),
    };
    Error::new(ErrorKind::Bug, format!("{what} for {limit}"))
        .with_hint("a plugin must answer or fail; its own limits should be shorter than this one")
}

#[cfg(test)]
mod tests;
