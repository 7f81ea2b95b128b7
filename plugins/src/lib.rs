//! All built-in plugins, linked in one line.
//!
//! A crate that is named in `Cargo.toml` only is not linked, and a plugin that is not linked is not there. So a
//! program that wants the built-ins mentions this crate in its code:
//!
//! ```
//! use sealift_plugins as _;
//! ```
//!
//! There is one feature for each plugin crate, all on by default.

#[cfg(feature = "dest-harbor")]
use sealift_dest_harbor as _;
#[cfg(feature = "dest-oci-dir")]
use sealift_dest_oci_dir as _;
#[cfg(feature = "dest-registry")]
use sealift_dest_registry as _;
#[cfg(feature = "filter-platform")]
use sealift_filter_platform as _;
#[cfg(feature = "filter-tag")]
use sealift_filter_tag as _;
#[cfg(feature = "login-alibaba")]
use sealift_login_alibaba as _;
#[cfg(feature = "login-azure")]
use sealift_login_azure as _;
#[cfg(feature = "login-ci")]
use sealift_login_ci as _;
#[cfg(feature = "login-ecr")]
use sealift_login_ecr as _;
#[cfg(feature = "login-google")]
use sealift_login_google as _;
#[cfg(feature = "login-huawei")]
use sealift_login_huawei as _;
#[cfg(feature = "login-tencent")]
use sealift_login_tencent as _;
#[cfg(feature = "source-catalog")]
use sealift_source_catalog as _;
#[cfg(feature = "source-files")]
use sealift_source_files as _;
#[cfg(feature = "source-oci-dir")]
use sealift_source_oci_dir as _;
#[cfg(feature = "source-registry")]
use sealift_source_registry as _;
