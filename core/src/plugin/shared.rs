//! State that outlives a run: one value of each type, kept for all runs of a pipeline.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex},
};

use crate::lock::lock;

/// The state that all runs of a pipeline share, such as connections, limits and pauses that hosts asked for. Tokens,
/// logins and counters belong to a run and must not be kept here.
#[derive(Default)]
pub struct Shared(Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>);

impl Shared {
    /// Returns the value of this type, which is created at the first call.
    pub(super) fn get<T: Default + Send + Sync + 'static>(&self) -> Arc<T> {
        let value = Arc::clone(lock(&self.0).entry(TypeId::of::<T>()).or_insert_with(|| Arc::new(T::default())));
        value.downcast().expect("a value is kept under its own type")
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}
