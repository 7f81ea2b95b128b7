//! What can go wrong with logins, and with those who give tokens.

use sealift_testkit::fault::{Act, Answer, Fault};

use super::scene::{Scene, refuses};

const LOGIN: &str = "FROM: {username: bot, password: s3cret}\n";

pub(super) fn scenes() -> Vec<Scene> {
    let mut scenes = vec![
        basic("a login that is not right").file("auth.yaml", LOGIN),
        Scene::new("a login that nobody asks for").file("auth.yaml", LOGIN).tables(WITH_FILE).source(
            "*",
            "/v2/",
            refuses(403, "DENIED", "requested access to the resource is denied"),
        ),
        Scene::new("a login that may not")
            .file("auth.yaml", LOGIN)
            .tables(WITH_FILE)
            .from(Fault::on("*", "/v2/").first(1).act(Act::Say(challenge())))
            .source("*", "/v2/", refuses(403, "DENIED", "requested access to the resource is denied")),
        basic("a login from the pipeline that is not right")
            .tables("[registries.\"FROM\"]\nusername = \"bot\"\npassword = { env = \"PASSWORD\" }\n")
            .variable("PASSWORD", "s3cret"),
        basic("a file of logins that is broken").file(".docker/config.json", "{\"auths\": [").tables(""),
        basic("a login that cannot be read")
            .file(".docker/config.json", "{\"auths\": {\"FROM\": {\"auth\": \"????\"}}}")
            .tables(""),
        basic("a helper that is not there")
            .file(".docker/config.json", "{\"credHelpers\": {\"FROM\": \"nowhere\"}}")
            .tables(""),
    ];
    let json = |text: &str| Answer::status(200).json(text);
    let token = |name, answer| bearer(name).file("auth.yaml", LOGIN).source("*", "/token", answer);
    scenes.extend([
        token(
            "the token service does not take the login",
            refuses(401, "UNAUTHORIZED", "incorrect username or password"),
        ),
        token("the token service forbids it", refuses(403, "DENIED", "the account is locked")),
        token("the token service wants fewer requests", Answer::status(429).header("retry-after", 7200)),
        token("the token service gives no token", json("{}")),
        token("the token service gives something else", Answer::status(200).body("<html>")),
        token("the token service redirects", Answer::status(302).header("location", "/elsewhere")),
        token("the token is not enough", json("{\"token\": \"t0ken\"}")),
        bearer("nobody gets a token").tables("").source("*", "/token", json("{\"token\": \"t0ken\"}")),
        Scene::new("a token service at a forbidden address").file("auth.yaml", LOGIN).tables(WITH_FILE).source(
            "*",
            "/v2/",
            Answer::status(401)
                .header("www-authenticate", "Bearer realm=\"http://169.254.169.254/token\",service=\"x\""),
        ),
    ]);
    scenes
}

const WITH_FILE: &str = "[credentials]\nfile = \"auth.yaml\"\n";

/// The source wants name and password, and takes none.
fn basic(name: &'static str) -> Scene {
    Scene::new(name).tables(WITH_FILE).source("*", "/v2/", challenge())
}

fn challenge() -> Answer {
    refuses(401, "UNAUTHORIZED", "authentication required").header("www-authenticate", "Basic realm=\"x\"")
}

/// The source wants a token of its own, and takes none.
fn bearer(name: &'static str) -> Scene {
    let challenge = Act::say_to(|asked| {
        let host = asked.header("host").unwrap_or_default();
        let challenge =
            format!("Bearer realm=\"http://{host}/token\",service=\"x\",scope=\"repository:shop/app:pull\"");
        refuses(401, "UNAUTHORIZED", "authentication required").header("www-authenticate", challenge)
    });
    Scene::new(name).tables(WITH_FILE).from(Fault::on("*", "/v2/").act(challenge))
}
