//! `sealift serve`: serves a directory as a registry until a signal stops it.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use sealift_core::diagnostic::Diagnostic;
use sealift_oci_layout::{ImageCatalog, Layout};
use sealift_serve::{ServeOptions, Server, Tls};
use serde::Serialize;

use crate::{
    context::Context,
    display::{gaps, number},
    interrupt::Signals,
    usage_error::UsageError,
};

/// Serve a directory as a registry that containerd, podman, skopeo and Harbor pull from
///
/// An image is served under its path (`library/nginx`) and under registry and path (`docker.io/library/nginx`).
/// What changes in the directory meanwhile is served as well. Ctrl-C ends it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The directory or tar file: an OCI image layout, or what `docker save` writes
    dir: PathBuf,

    /// The address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:5000", value_parser = address)]
    listen: SocketAddr,

    /// Take pushes and deletes too; the directory is made if it is missing
    #[arg(long)]
    writable: bool,

    /// Take manifests whose blobs or images are missing; `verify` calls them damaged
    #[arg(long, requires = "writable")]
    sparse: bool,

    /// The repository of entries that are only a tag [default: the name of the directory]
    #[arg(long, value_name = "REPOSITORY")]
    name: Option<String>,

    /// Speak TLS with this certificate, followed by those that lead to its authority (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,

    /// The private key of the certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,

    /// Let in only the users of this file, as `htpasswd -B` writes it
    #[arg(long, value_name = "FILE")]
    htpasswd: Option<PathBuf>,
}

/// The start of the server, as JSON.
#[derive(Serialize)]
struct Serving<'a> {
    event: &'static str,
    dir: &'a Path,
    url: String,
    writable: bool,
    repositories: usize,
}

pub(super) async fn execute(args: &Args, context: &Context) -> Result<u8, UsageError> {
    // Before the address is shown, because a program that reads it may send a signal at once.
    let mut signals = Signals::new().map_err(|error| Diagnostic::error(format!("cannot watch signals: {error}")))?;
    let crowded = args.crowded();
    let server = Server::start(args.options()).await?;
    let incomplete = incomplete(&args.dir).await;
    context.show(&crowded.into_iter().chain(incomplete).chain(args.warnings(&server)).collect::<Vec<_>>());
    greet(args, &server, context);

    signals.next().await;
    if !context.global.quiet {
        context.console.say("stopping: running requests get 10 s to end; once more stops at once");
    }
    tokio::select! {
        biased;
        stopped = server.shutdown() => stopped.map_err(UsageError::from).map(|()| 0),
        () = signals.next() => Ok(130),
    }
}

impl Args {
    fn options(&self) -> ServeOptions {
        let mut options = ServeOptions::new(&self.dir).listen(self.listen);
        options.writable = self.writable;
        options.sparse = self.sparse;
        options.name.clone_from(&self.name);
        options.users.clone_from(&self.htpasswd);
        if let (Some(certificate), Some(key)) = (&self.tls_cert, &self.tls_key) {
            options = options.tls(Tls { certificate: certificate.clone(), key: key.clone() });
        }
        options
    }

    fn warnings(&self, server: &Server) -> Vec<Diagnostic> {
        let clashes = server
            .clashes()
            .into_iter()
            .map(|clash| Diagnostic::warning(clash.to_string()).hint("pull it with the registry before the path"));
        clashes.chain(self.exposure(server.addr())).collect()
    }

    /// Warns of a directory that becomes a layout although it is used for something else. Asked before the start, which
    /// makes it one.
    fn crowded(&self) -> Option<Diagnostic> {
        if !self.writable || self.dir.join("oci-layout").exists() {
            return None;
        }
        let mut files = std::fs::read_dir(&self.dir).ok()?.filter_map(Result::ok).map(|entry| entry.file_name());
        let others = files.any(|name| !name.as_encoded_bytes().starts_with(b"."));
        let message = format!("`{}` has other files in it and becomes an OCI image layout", self.dir.display());
        let hint = "they stay as they are; a directory of its own is easier to copy and to clean up";
        others.then(|| Diagnostic::warning(message).hint(hint))
    }

    /// Warns if others on the network can do what was perhaps not meant.
    fn exposure(&self, addr: SocketAddr) -> Option<Diagnostic> {
        if addr.ip().is_loopback() {
            return None;
        }
        let what = if self.writable { "read and write here" } else { "read here" };
        match (self.tls_cert.is_some(), self.htpasswd.is_some()) {
            (true, true) => None,
            (_, false) => {
                let warning = Diagnostic::warning(format!("everybody who reaches `{addr}` can {what}"));
                Some(warning.hint("`--htpasswd FILE` asks for name and password, `--tls-cert` and `--tls-key` encrypt"))
            }
            (false, true) => {
                let warning = Diagnostic::warning(format!("passwords for `{addr}` cross the network in clear"));
                Some(warning.hint("`--tls-cert FILE --tls-key FILE` encrypts"))
            }
        }
    }
}

/// Warns of a directory that lacks what was staged into it or asked for.
async fn incomplete(dir: &Path) -> Option<Diagnostic> {
    let layout = Layout::open(dir).await.ok()?;
    let gaps = layout.gaps().await.ok().filter(|gaps| !gaps.is_empty())?;
    let images = ImageCatalog::read(&layout).await.ok()?.images().len();
    let message = format!("`{}` is incomplete: {}", dir.display(), gaps::summary(&gaps, images));
    Some(Diagnostic::warning(message).hint(format!("`sealift verify {}` tells more", dir.display())))
}

fn greet(args: &Args, server: &Server, context: &Context) {
    let repositories = server.repositories();
    if context.global.json {
        context.out.json(&Serving {
            event: "serving",
            dir: &args.dir,
            url: server.url(),
            writable: args.writable,
            repositories: repositories.len(),
        });
    }
    if context.global.quiet {
        return;
    }
    let what = number(repositories.len() as u64, "repository");
    let how = if args.writable { "to pull and push" } else { "to pull" };
    let mut text = format!("{what} of `{}` {how} at {}", args.dir.display(), server.url());
    if let Some(first) = repositories.first() {
        // `0.0.0.0` is where it listens and no host to pull from.
        let host = if server.addr().ip().is_unspecified() { String::new() } else { server.host() + "/" };
        text += &format!(", such as {host}{first}");
    }
    context.console.say(&text);
}

/// An address with a port; `localhost` is loopback.
fn address(text: &str) -> Result<SocketAddr, String> {
    let numbers = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.to_owned(),
    };
    numbers
        .parse()
        .map_err(|_| "expected an address with a port: `127.0.0.1:5000`, `0.0.0.0:5000`, `[::]:5000`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(clap::Parser)]
    struct Typed {
        #[command(flatten)]
        args: Args,
    }

    fn exposure(flags: &[&str], addr: &str) -> Option<String> {
        let typed = <Typed as clap::Parser>::parse_from([&["serve", "dir"], flags].concat());
        typed.args.exposure(addr.parse().unwrap()).map(|warning| warning.message)
    }

    #[test]
    fn who_listens_beyond_this_machine_is_told_what_others_can_do() {
        let tls = ["--tls-cert", "c", "--tls-key", "k"];
        let open = "everybody who reaches `0.0.0.0:1` can";
        for (flags, addr, expected) in [
            (&[][..], "127.0.0.1:1", None),
            (&[], "[::1]:1", None),
            (&[], "0.0.0.0:1", Some(format!("{open} read here"))),
            (&tls, "0.0.0.0:1", Some(format!("{open} read here"))),
            (&["--writable"], "0.0.0.0:1", Some(format!("{open} read and write here"))),
            (&["--htpasswd", "h"], "10.0.0.1:1", Some("passwords for `10.0.0.1:1` cross the network in clear".into())),
            (&[&tls[..], &["--htpasswd", "h"]].concat(), "0.0.0.0:1", None),
        ] {
            assert_eq!(exposure(flags, addr), expected, "{flags:?} {addr}");
        }
    }

    #[test]
    fn a_directory_that_is_used_for_something_else_is_told_of() {
        let dir = tempfile::tempdir().unwrap();
        let crowded = |flags: &[&str]| {
            let args = [&["serve", dir.path().to_str().unwrap()], flags].concat();
            <Typed as clap::Parser>::parse_from(args).args.crowded().is_some()
        };
        std::fs::write(dir.path().join(".hidden"), "").unwrap();
        assert!(!crowded(&["--writable"]));
        std::fs::write(dir.path().join("thesis.txt"), "").unwrap();
        assert!(crowded(&["--writable"]) && !crowded(&[]));
        std::fs::write(dir.path().join("oci-layout"), "").unwrap();
        assert!(!crowded(&["--writable"]), "it is one already");
    }

    #[tokio::test]
    async fn a_directory_that_lacks_images_is_told_of() {
        use sealift_oci_layout::{StagingEnd, StagingRequest, Writer, WriterOptions};
        let dir = tempfile::tempdir().unwrap();
        let writer = Writer::create(dir.path(), WriterOptions::default()).await.unwrap();
        assert!(incomplete(dir.path()).await.is_none());
        let names: std::collections::BTreeSet<String> = ["q.io/a:1".to_owned()].into();
        let asked = StagingRequest { images: names.clone(), ..StagingRequest::default() };
        writer.end_staging(asked, StagingEnd { failed: names, ..StagingEnd::default() }).await.unwrap();
        let told = incomplete(dir.path()).await.unwrap().message;
        assert!(told.ends_with("is incomplete: 0 of 1 image, missing: q.io/a:1"), "{told}");
    }

    #[test]
    fn an_address_has_a_port() {
        assert_eq!(address("localhost:0").unwrap().to_string(), "127.0.0.1:0");
        assert_eq!(address("[::]:5000").unwrap().port(), 5000);
        for wrong in ["5000", ":5000", "0.0.0.0", "example.com:80", "localhost"] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }
}
