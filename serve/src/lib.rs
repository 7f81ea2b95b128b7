//! A registry over an OCI image layout in a directory.
//!
//! It speaks the distribution protocol (distribution-spec 1.1; of 1.2 tags beside a digest, `digest-algorithm` and
//! `OCI-Namespace`): pull, push, mount, tags with paging, referrers, delete, ranges. The directory is a plain image layout
//! before, while and after; see [`store`](self#what-is-where).
//!
//! ```no_run
//! # use sealift_serve::{ServeOptions, Server};
//! # async fn example() -> sealift_core::error::Result<()> {
//! let server = Server::start(ServeOptions::new("/media/usb/bundle").writable()).await?;
//! println!("docker pull {}/docker.io/library/nginx:1.27", server.addr());
//! server.shutdown().await
//! # }
//! ```
//!
//! # What is where
//!
//! An entry of `index.json` with the name `docker.io/library/nginx:1.27` is the tag `1.27` of the repository
//! `docker.io/library/nginx`, and the other way round: what is pushed as `team/app:v1` gets that name. Where the name
//! cannot be a repository path (`localhost:5000/a`), what does not fit becomes `_` (`localhost_5000/a`). Entries that
//! are only a tag are served under the name of the directory, or the one of [`ServeOptions::named`].
//!
//! The path alone (`library/nginx`) leads to the same repository, unless images of several registries have it
//! ([`Server::clashes`]). A client that takes this registry for the mirror of another one and says so (`?ns=docker.io`,
//! as containerd does) gets images of that one, or of none.
//!
//! A registry takes up what others change in the directory at the next request for a tag.
//!
//! A writable registry keeps membership per repository as others do: a blob that was pushed to one is unknown in
//! another until it is mounted there, and a manifest is refused whose parts are missing in its repository. Membership
//! is what can be reached from the entries of a repository; a manifest without a tag and without an index above it has
//! an entry by digest, so it is not lost. Only blobs that no manifest points to are remembered in memory alone: after
//! a restart they have to be sent again. The files of what is deleted are removed a few seconds later, or when the
//! server ends, unless something in the directory needs them; what other programs left there stays.
//!
//! # What holds
//!
//! * What is served follows from `index.json` as it is on the disk. A change is written first and served after that; one
//!   that cannot be written changes nothing. What would not survive a restart is refused: deleting a blob that a
//!   manifest has, or a manifest that an index has.
//! * An error of the system is never answered as "not found", and is not remembered.
//! * A request that is given up changes nothing for others.
//!
//! # Modules
//!
//! A module may use those further up in this list:
//!
//! * `access`, `connection`, `descriptors`, `queue`, `sample`: leaves
//! * `access_log`, `tls`, `users`
//! * `options`
//! * `store`
//! * `http`
//! * `server`

pub mod access;
mod access_log;
mod connection;
mod descriptors;
mod http;
mod options;
mod queue;
pub mod sample;
mod server;
mod store;
mod tls;
mod users;

pub use options::ServeOptions;
pub use server::Server;
pub use store::NameClash;
pub use tls::Tls;
