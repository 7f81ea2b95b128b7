//! The registries of the matrix, each in its setting.

use std::time::Duration;

use sealift_e2e::program::Folder;
use sealift_serve::{ServeOptions, Server, access::Requests};
use sealift_testkit::{content::Content, nginx::Nginx, registry::Registry, tls::Identity, token_service::TokenService};
use tempfile::TempDir;

use crate::{quick_dir, shapes};

/// A registry in a setting: a column of the matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setup {
    Distribution2,
    Distribution2Tls,
    Distribution2Nginx,
    Distribution2Tokens,
    Distribution3,
    Distribution3Tokens,
    Distribution3Prefix,
    Serve,
}

impl Setup {
    pub(crate) const ALL: [Self; 8] = [
        Self::Distribution2,
        Self::Distribution2Tls,
        Self::Distribution2Nginx,
        Self::Distribution2Tokens,
        Self::Distribution3,
        Self::Distribution3Tokens,
        Self::Distribution3Prefix,
        Self::Serve,
    ];

    /// Returns the head of the column.
    pub(crate) fn head(self) -> &'static str {
        match self {
            Self::Distribution2 => "2.8",
            Self::Distribution2Tls => "2.8, TLS",
            Self::Distribution2Nginx => "2.8, nginx",
            Self::Distribution2Tokens => "2.8, tokens",
            Self::Distribution3 => "3",
            Self::Distribution3Tokens => "3, tokens",
            Self::Distribution3Prefix => "3, path",
            Self::Serve => "`serve`",
        }
    }

    /// Returns the description of the setting.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Distribution2 => "Distribution 2.8 (`docker-registry` of Debian), http, no login",
            Self::Distribution2Tls => "the same with a certificate of a private CA (`ca_file`)",
            Self::Distribution2Nginx => {
                "the same behind nginx that speaks https with HTTP/2 and takes bodies of 1 MiB at most"
            }
            Self::Distribution2Tokens => "the same with a token service (JWT)",
            Self::Distribution3 => "distribution 3, http, no login",
            Self::Distribution3Tokens => "the same with a token service (JWT)",
            Self::Distribution3Prefix => "the same below a path (`path_prefix`)",
            Self::Serve => "`sealift serve --writable`, http, no login",
        }
    }
}

/// A running registry of the matrix. What belongs to it ends with it.
pub(crate) struct Site {
    /// Host and port, as they stand in references.
    pub(crate) host: String,
    /// Its table in a file of `--registries`.
    pub(crate) settings: String,
    /// Its content by plain requests.
    pub(crate) content: Content,
    backend: Backend,
    /// True if the registry itself speaks TLS.
    is_tls: bool,
    authority: Option<String>,
    _nginx: Option<Nginx>,
    _tokens: Option<TokenService>,
}

enum Backend {
    Real(Registry),
    Served(Server, #[expect(dead_code, reason = "it is removed with the value")] TempDir),
}

impl Site {
    /// Starts one; none if one of its programs is not installed.
    pub(crate) async fn start(setup: Setup) -> Option<Self> {
        let (two, three) = (Registry::with().in_ram(), Registry::with().in_ram().distribution_3());
        match setup {
            Setup::Distribution2 => Some(Self::open(two.start()?)),
            Setup::Distribution3 => Some(Self::open(three.start()?)),
            Setup::Distribution2Tls => {
                let identity = Identity::generate();
                let registry = two.tls(&identity.certificate, &identity.key).start()?;
                let site = Self::open(registry);
                let content = site.content.clone().trusting(&identity.authority);
                Some(Self { content, is_tls: true, authority: Some(identity.authority), ..site })
            }
            Setup::Distribution2Nginx => {
                let identity = Identity::generate();
                let site = Self::open(two.start()?);
                let Backend::Real(registry) = &site.backend else { unreachable!("it was started") };
                let nginx = Nginx::with_tls_before(registry.addr(), &identity, "client_max_body_size 1m;")?;
                Some(Self { host: nginx.host(), authority: Some(identity.authority), _nginx: Some(nginx), ..site })
            }
            Setup::Distribution2Tokens => Self::with_tokens(two).await,
            Setup::Distribution3Tokens => Self::with_tokens(three).await,
            Setup::Distribution3Prefix => {
                let site = Self::open(three.path_prefix("/team/images").start()?);
                Some(Self { settings: "path_prefix = \"/team/images\"\n".to_owned(), ..site })
            }
            Setup::Serve => {
                let dir = quick_dir();
                let options = ServeOptions::new(dir.path().join("served")).writable().throwaway().record();
                let server = Server::start(options).await.expect("loopback can be listened on");
                let (host, content) = (server.addr().to_string(), Content::at(&server.url()));
                Some(Self::new(host, content, Backend::Served(server, dir)))
            }
        }
    }

    fn new(host: String, content: Content, backend: Backend) -> Self {
        let settings = String::new();
        Self { host, settings, content, backend, is_tls: false, authority: None, _nginx: None, _tokens: None }
    }

    fn open(registry: Registry) -> Self {
        Self::new(registry.host(), Content::at(&registry.url()), Backend::Real(registry))
    }

    async fn with_tokens(setup: sealift_testkit::registry::Setup) -> Option<Self> {
        let tokens = TokenService::start(&[("robot$team+ci", "t0ken pass")]).await;
        let site = Self::open(setup.token(tokens.auth()).start()?);
        let repositories = shapes::repositories();
        let repositories: Vec<&str> = repositories.iter().map(String::as_str).collect();
        let content = site.content.clone().token(&tokens.issue("robot$team+ci", &repositories, &["pull"]));
        let settings = "username = \"robot$team+ci\"\npassword = \"t0ken pass\"\n".to_owned();
        Some(Self { content, settings, _tokens: Some(tokens), ..site })
    }

    /// Writes the file for `--registries`.
    pub(crate) fn write_settings(&self, folder: &Folder) {
        let mut settings = format!("[registries.\"{}\"]\n{}", self.host, self.settings);
        if let Some(authority) = &self.authority {
            folder.write("ca.pem", authority);
            settings.push_str("ca_file = \"ca.pem\"\n");
        }
        folder.write("registries.toml", &settings);
    }

    /// Returns the requests that it answered since [`Site::reset`].
    pub(crate) fn requests(&self) -> Requests {
        self.settle();
        match &self.backend {
            Backend::Real(registry) => registry.requests(),
            Backend::Served(server, _) => server.requests(),
        }
    }

    /// Forgets the requests so far.
    pub(crate) fn reset(&self) {
        self.settle();
        match &self.backend {
            Backend::Real(registry) => registry.reset(),
            Backend::Served(server, _) => server.reset(),
        }
    }

    /// A registry writes a line of its log after the answer, and [`Registry::requests`] waits for it without TLS only.
    fn settle(&self) {
        if self.is_tls {
            std::thread::sleep(Duration::from_millis(300));
        }
    }
}
