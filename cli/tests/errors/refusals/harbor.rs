//! What Harbor refuses, asked as a Harbor and as any registry.

use sealift_conformance::images::image;
use sealift_testkit::{
    content::Content,
    fault::FaultRegistry,
    harbor::{ADMIN, Account, Harbor, Right},
};

use crate::case;

/// A Harbor, and what is copied to it.
struct Scene {
    name: &'static str,
    prepare: fn(&Harbor),
    push: &'static str,
    login: (&'static str, &'static str),
}

impl Scene {
    fn new(name: &'static str, prepare: fn(&Harbor)) -> Self {
        Self { name, prepare, push: "use = \"harbor\"\nprefix = \"HARBOR/team\"", login: ADMIN }
    }

    fn push(self, push: &'static str) -> Self {
        Self { push, ..self }
    }

    fn login(self, name: &'static str, password: &'static str) -> Self {
        Self { login: (name, password), ..self }
    }
}

fn scenes() -> Vec<Scene> {
    let plain = "use = \"registry\"\nprefix = \"HARBOR/team\"";
    let creating = "use = \"harbor\"\nprefix = \"HARBOR/team\"\ncreate_projects = true";
    let team = |harbor: &Harbor| harbor.add_project("team");
    let read_only = |harbor: &Harbor| {
        harbor.add_project("team");
        harbor.read_only(true);
    };
    let full = |harbor: &Harbor| {
        harbor.add_project("team");
        harbor.limit_storage("team", 10);
    };
    let puller = |harbor: &Harbor| {
        harbor.add_project("team");
        harbor.add_account(Account::robot("robot$team+ci", "s3cret").may("team", &[Right::Pull]));
    };
    let member = |harbor: &Harbor| {
        harbor.only_admins_create_projects(true);
        harbor.add_account(Account::user("ann", "s3cret"));
    };
    vec![
        Scene::new("there is no such project", |_| {}),
        Scene::new("there is no such project for a push that knows no Harbor", |_| {}).push(plain),
        Scene::new("a name that is no project", |_| {}).push("use = \"harbor\"\nprefix = \"HARBOR/a--b\""),
        Scene::new("the project may not be created", member).push(creating).login("ann", "s3cret"),
        Scene::new("nobody is logged in", team).login("", ""),
        Scene::new("the login is not right", team).login("ann", "wrong"),
        Scene::new("the login is not right for a push that knows no Harbor", team).push(plain).login("ann", "wrong"),
        Scene::new("a robot that may only pull", puller).login("robot$team+ci", "s3cret"),
        Scene::new("a robot that may only pull, for a push that knows no Harbor", puller)
            .push(plain)
            .login("robot$team+ci", "s3cret"),
        Scene::new("the project is full", full),
        Scene::new("the project is full for a push that knows no Harbor", full).push(plain),
        Scene::new("it is read-only", read_only),
        Scene::new("it is read-only for a push that knows no Harbor", read_only).push(plain),
        Scene::new("the project caches another registry", |harbor| harbor.add_proxy_cache("team")),
        Scene::new("the project caches another registry, for a push that knows no Harbor", |harbor| {
            harbor.add_proxy_cache("team");
        })
        .push(plain),
        Scene::new("the tag is immutable", |harbor| {
            harbor.add_project("team");
            harbor.make_immutable("team", "**", "v1");
        }),
        Scene::new("the tag is immutable for a push that knows no Harbor", |harbor| {
            harbor.add_project("team");
            harbor.make_immutable("team", "**", "v1");
        })
        .push(plain),
    ]
}

/// None where there is no registry to stand behind Harbor.
pub(super) async fn told() -> Option<String> {
    let from = FaultRegistry::start().await;
    let app = image("linux/amd64", &[]);
    Content::at(&from.url()).put("shop/app", "v1", &app).await;
    let blobs: Vec<_> = app.blobs.iter().map(|(item, _)| ("BLOB", item.digest.to_string())).collect();
    let mut told = Vec::new();
    for scene in scenes() {
        let harbor = Harbor::start().await?;
        (scene.prepare)(&harbor);
        told.push(play(&scene, &from, &harbor, &blobs).await);
    }
    Some(told.join("\n"))
}

async fn play(scene: &Scene, from: &FaultRegistry, harbor: &Harbor, blobs: &[(&'static str, String)]) -> String {
    if scene.name.starts_with("the tag is immutable") {
        let old = image("linux/amd64", &["old"]);
        Content::at(&harbor.url()).login(ADMIN.0, ADMIN.1).put("team/shop/app", "v1", &old).await;
    }
    let hosts = [&[("FROM", from.host()), ("HARBOR", harbor.host())], blobs].concat();
    let Scene { push, login: (user, password), .. } = scene;
    let login = match *user {
        "" => String::new(),
        _ => format!("[registries.\"HARBOR\"]\nusername = '{user}'\npassword = '{password}'\n"),
    };

    let pipeline = format!(
        "[run]\nretries = 0\n[list]\nuse = \"registry\"\nimages = [{{ from = \"FROM/shop/app:v1\" }}]\n[[push]]\n{push}\n{login}"
    );
    let said = case::run_between(&hosts, vec![("p.toml", pipeline)], Vec::new(), "run p.toml --quiet").await;
    format!("## {}\n{said}", scene.name)
}
