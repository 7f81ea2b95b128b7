//! Values that the program around a pipeline hands to plugins, by their type.

use std::{any::Any, sync::Arc};

/// Values for plugins that do not come from the pipeline file, such as a network of its own for a simulation. Core does
/// not know their types.
#[derive(Clone, Default)]
pub struct Extensions(Vec<Arc<dyn Any + Send + Sync>>);

impl Extensions {
    /// Adds a value. The first one of a type counts.
    #[must_use]
    pub fn with<T: Any + Send + Sync>(mut self, value: T) -> Self {
        self.0.push(Arc::new(value));
        self
    }

    /// Returns the value of a type.
    pub fn get<T: Any + Clone>(&self) -> Option<T> {
        self.0.iter().find_map(|value| value.downcast_ref::<T>()).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_by_its_type() {
        let extensions = Extensions::default().with(7_u8).with("text").with(8_u8);
        assert_eq!(extensions.get::<u8>(), Some(7));
        assert_eq!(extensions.get::<&str>(), Some("text"));
        assert_eq!(extensions.get::<String>(), None);
    }
}
