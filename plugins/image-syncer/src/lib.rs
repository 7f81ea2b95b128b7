//! image-syncer's files: logins (`auth`), and rules (`images`), in YAML or JSON.
//!
//! The only reader of these formats. Every complaint is a [`Diagnostic`](sealift_core::diagnostic::Diagnostic) with
//! file, line and column; all that is wrong with a file is said at once; no complaint shows a password.
//!
//! * [`rules_file`] and [`Rule`]: `source: destination`, where the source may select tags or a digest
//! * [`auth_file`] and [`AuthFile`]: logins by `registry` or `registry/namespace`; the longest match wins
//! * [`config_file`]: the old single file with both
//! * [`Variables`]: replaces `$NAME` and `${NAME}`
//! * [`written`]: a file as it was written, with its comments, for translating it
//!
//! ```
//! use sealift_core::plugin::Purpose;
//! use sealift_image_syncer::{Variables, rules_file};
//!
//! let variables = Variables::new(std::sync::Arc::new(|_| None), Purpose::Run);
//! let (rules, _) = rules_file("nginx:1.27: h.io/hub/nginx\n", "images.yaml", &variables).unwrap();
//! let listing = rules[0].listing(&[]);
//! assert_eq!(listing.candidates[0].targets[0].to_string(), "h.io/hub/nginx:1.27");
//! ```

mod auth;
mod config;
mod dialect;
mod document;
mod expression;
mod findings;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzz;
mod read;
mod rule;
mod rules;
mod text;
mod variables;
mod written;

pub use auth::{AuthEntry, AuthFile, auth_file};
pub use config::{ConfigFile, config_file, is_config_file};
pub use dialect::Dialect;
pub use expression::Expression;
pub use read::read;
pub use rule::{Rule, RuleError, RuleErrorKind, RulePart, RuleWarning, Select, TargetRule, TargetVersion};
pub use rules::rules_file;
pub use variables::{VariableError, Variables};
pub use written::{WrittenFile, WrittenLogin, WrittenRule, WrittenValue, written};
