//! Plugins: stages that register themselves at link time.
//!
//! A plugin is a config struct and one line:
//!
//! ```
//! use sealift_core::{
//!     job::Listing,
//!     plugin::{BuildContext, ConfigError, Plugin, StageConfig},
//!     schemars::JsonSchema,
//!     serde::Deserialize,
//!     stage::Filter,
//! };
//!
//! /// Keeps only the tags that end with one of the given suffixes.
//! #[derive(Deserialize, JsonSchema)]
//! #[serde(deny_unknown_fields, crate = "sealift_core::serde")]
//! #[schemars(crate = "sealift_core::schemars")]
//! struct Suffix {
//!     /// Suffixes to keep, such as `-alpine`. At least one.
//!     keep: Vec<String>,
//! }
//!
//! impl Filter for Suffix {
//!     fn filter_tags(&self, listing: &mut Listing) {
//!         listing.retain(|candidate| {
//!             candidate.tag().is_some_and(|tag| self.keep.iter().any(|end| tag.ends_with(end)))
//!         });
//!     }
//! }
//!
//! impl StageConfig<dyn Filter> for Suffix {
//!     fn build(self, _: &BuildContext<'_>) -> Result<Box<dyn Filter>, ConfigError> {
//!         Ok(Box::new(self))
//!     }
//! }
//!
//! sealift_core::inventory::submit! { Plugin::filter::<Suffix>("suffix") }
//! ```
//!
//! The texts that users see (`plugins`, `explain`, `check`) come from the doc comments of the struct, and the examples
//! from `#[schemars(example = …)]` at its fields.

mod config_error;
mod context;
mod duplicates;
mod example;
mod extensions;
mod fields;
mod key_path;
mod login;
mod role;
mod section;
pub(crate) mod shape;
mod toml_text;

use schemars::{JsonSchema, Schema};
use serde::de::DeserializeOwned;

pub use config_error::{ConfigError, Problem};
pub use context::{BuildContext, Environment, Purpose};
pub use duplicates::duplicates;
pub use example::example;
pub use extensions::Extensions;
pub use fields::{Field, fields};
pub use key_path::KeyPath;
pub(crate) use key_path::Step;
pub use login::matches_host;
pub use role::Role;
pub use section::{Section, SectionPlugin, SectionReport, Sections, sections};

use crate::{
    login::LoginProvider,
    observer::Observer,
    stage::{Fetch, Filter, List, Push},
};

/// The configuration of a stage, from which the stage is built.
///
/// `S` is the trait object that comes out: `dyn List`, `dyn Filter`, `dyn Fetch`, `dyn Push`,
/// `dyn Observer` or `dyn LoginProvider`.
///
/// Users may write what the schema says: a key that it does not know, a value of another type or beyond `minimum` and
/// `maximum` (`#[schemars(range(min = 1, max = 64))]`) is refused before the struct is read. So no `serde(alias)`, which
/// the schema does not tell of, and no `flatten`, `untagged` or `toml::Value`, which lose the position of errors. The
/// key `use` is taken, and `hosts` at a login.
pub trait StageConfig<S: ?Sized>: DeserializeOwned + JsonSchema {
    /// Makes the stage. Fast and offline: it compiles expressions and opens clients, but sends no request.
    ///
    /// # Errors
    /// All problems of the values at once, with the keys that they concern.
    fn build(self, cx: &BuildContext<'_>) -> Result<Box<S>, ConfigError>;
}

/// A stage that was built.
pub enum Stage {
    /// A list.
    List(Box<dyn List>),
    /// A filter.
    Filter(Box<dyn Filter>),
    /// A fetch.
    Fetch(Box<dyn Fetch>),
    /// A push.
    Push(Box<dyn Push>),
    /// An observer.
    Observe(Box<dyn Observer>),
    /// A login.
    Login(Box<dyn LoginProvider>),
}

impl Stage {
    pub(crate) fn list(self) -> Option<Box<dyn List>> {
        if let Self::List(list) = self { Some(list) } else { None }
    }

    pub(crate) fn filter(self) -> Option<Box<dyn Filter>> {
        if let Self::Filter(filter) = self { Some(filter) } else { None }
    }

    pub(crate) fn fetch(self) -> Option<Box<dyn Fetch>> {
        if let Self::Fetch(fetch) = self { Some(fetch) } else { None }
    }

    pub(crate) fn push(self) -> Option<Box<dyn Push>> {
        if let Self::Push(push) = self { Some(push) } else { None }
    }

    pub(crate) fn observer(self) -> Option<Box<dyn Observer>> {
        if let Self::Observe(observer) = self { Some(observer) } else { None }
    }

    pub(crate) fn login(self) -> Option<Box<dyn LoginProvider>> {
        if let Self::Login(login) = self { Some(login) } else { None }
    }
}

/// The table of a stage or section as it was written, with positions. What it holds is private to core.
pub struct Table<'a>(pub(crate) toml::Spanned<toml::de::DeTable<'a>>);

/// A config that was read from its table and waits to be built.
pub type Build = Box<dyn FnOnce(&BuildContext<'_>) -> Result<Stage, ConfigError>>;

type Read = fn(&Plugin, Table<'_>) -> Result<Build, toml::de::Error>;

/// A kind of stage that is linked into this program.
pub struct Plugin {
    role: Role,
    kind: &'static str,
    read: Read,
    schema: fn(&Plugin) -> Schema,
    type_name: fn() -> &'static str,
    hosts: &'static [&'static str],
}

inventory::collect!(Plugin);

macro_rules! constructor {
    ($(#[$doc:meta])* $name:ident, $stage:ident, dyn $trait:ident) => {
        $(#[$doc])*
        pub const fn $name<T: StageConfig<dyn $trait> + 'static>(kind: &'static str) -> Self {
            Self {
                role: Role::$stage,
                kind,
                read: |_, table| {
                    let config = T::deserialize(toml::de::Deserializer::from(table.0))?;
                    Ok(Box::new(move |cx| config.build(cx).map(Stage::$stage)))
                },
                schema: |_| schemars::schema_for!(T),
                type_name: std::any::type_name::<T>,
                hosts: &[],
            }
        }
    };
}

impl Plugin {
    constructor!(
        /// A kind of list.
        list, List, dyn List
    );
    constructor!(
        /// A kind of filter.
        filter, Filter, dyn Filter
    );
    constructor!(
        /// A kind of fetch.
        fetch, Fetch, dyn Fetch
    );
    constructor!(
        /// A kind of push.
        push, Push, dyn Push
    );
    constructor!(
        /// A kind of observer.
        observer, Observe, dyn Observer
    );

    /// A kind of login. Each of its tables names the `hosts` for which it is asked, so that its secrets are not shown to
    /// others.
    pub const fn login<T: StageConfig<dyn LoginProvider> + 'static>(kind: &'static str) -> Self {
        Self {
            role: Role::Login,
            kind,
            read: login::read::<T>,
            schema: |plugin| login::schema(schemars::schema_for!(T), plugin),
            type_name: std::any::type_name::<T>,
            hosts: &[],
        }
    }

    /// Sets the hosts of a login where its table names none. A pipeline without such a table then uses the login too,
    /// and so do `sync`, `copy` and the like: as if `[[login]]` had `use` and nothing else. Patterns as in `hosts`.
    #[must_use]
    pub const fn for_hosts(self, hosts: &'static [&'static str]) -> Self {
        assert!(matches!(self.role, Role::Login), "only a login has hosts");
        Self { hosts, ..self }
    }

    /// The part it plays.
    pub const fn role(&self) -> Role {
        self.role
    }

    /// The name after `use =`.
    pub const fn kind(&self) -> &'static str {
        self.kind
    }

    /// The schema of its table, with the field texts.
    pub fn schema(&self) -> Schema {
        (self.schema)(self)
    }

    /// The crate that defines it.
    pub fn defined_in(&self) -> &'static str {
        (self.type_name)().split("::").next().unwrap_or_default()
    }

    /// The first paragraph of the config's doc comment, in one line.
    pub fn summary(&self) -> String {
        let schema = self.schema();
        let text = schema.get("description").and_then(|text| text.as_str()).unwrap_or_default();
        text.split("\n\n").next().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Returns true if pipelines use it without naming it.
    pub(crate) fn is_automatic(&self) -> bool {
        !self.hosts.is_empty()
    }

    pub(crate) fn read(&self, table: Table<'_>) -> Result<Build, toml::de::Error> {
        (self.read)(self, table)
    }
}

/// All plugins that are linked, sorted by role and kind.
///
/// A crate that is named in `Cargo.toml` only is not linked: mention it with `use the_crate as _;`.
pub fn plugins() -> Vec<&'static Plugin> {
    let mut all: Vec<_> = inventory::iter::<Plugin>.into_iter().collect();
    all.sort_by_key(|plugin| (plugin.role, plugin.kind));
    all
}
