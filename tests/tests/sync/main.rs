//! `sealift sync` with image-syncer's files, between two real registries.

mod cloud_logins;
mod converting;
mod counting;
mod emptiness;
mod failing;
mod leniency;
mod migrating;
mod remembering;
mod shapes;
mod stopping;
mod wrong_input;

use sealift_e2e::program::Folder;
use sealift_testkit::content::Content;
use sealift_testkit::registry::{self, Registry};
use sealift_testkit::token_service::TokenService;

fn folder() -> Folder {
    Folder::new(env!("CARGO_BIN_EXE_sealift-under-test"))
}

/// A registry that wants a password, and one behind a token service.
struct Sites {
    from: Registry,
    to: Registry,
    tokens: TokenService,
}

impl Sites {
    /// None if there is no real registry here.
    async fn start() -> Option<Self> {
        let from = Registry::with().htpasswd(registry::login("reader", "p$$w0rd$")?).start()?;
        let tokens = TokenService::start(&[("robot$team+ci", "t0ken pass")]).await;
        let to = Registry::with().token(tokens.auth()).start()?;
        Some(Self { from, to, tokens })
    }

    fn source(&self) -> Content {
        Content::at(&self.from.url()).login("reader", "p$$w0rd$")
    }

    /// The destination, for looking only.
    async fn target(&self) -> Content {
        let repositories = ["mirror/app", "mirror/tool", "mirror/chart", "copies/chart"];
        let token = self.tokens.issue("robot$team+ci", &repositories, &["pull"]);
        Content::at(&self.to.url()).token(&token)
    }

    /// The auth file of an operator who has both.
    fn auth(&self) -> String {
        let (from, to) = (self.from.host(), self.to.host());
        format!(
            "# credentials\n\"{from}\":\n  username: reader\n  password: p$$w0rd$\n\"{to}\":\n  username: robot$team+ci\n  password: ${{TO_PASSWORD}}\n"
        )
    }
}

/// Two registries that let everybody in; none if there is no real registry here.
fn open_sites() -> Option<(Registry, Registry)> {
    Some((Registry::start()?, Registry::start()?))
}
