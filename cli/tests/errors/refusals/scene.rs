//! A source and a destination that misbehave, and what the program says of them.

use futures::future::join_all;
use sealift_conformance::images::image;
use sealift_testkit::{
    content::Content,
    fault::{Act, Answer, Fault, FaultRegistry},
};

use crate::case;

/// Something that goes wrong with a registry.
pub(super) struct Scene {
    name: &'static str,
    from: Vec<Fault>,
    to: Vec<Fault>,
    files: Vec<(&'static str, String)>,
    variables: Vec<(&'static str, String)>,
    image: String,
    tables: &'static str,
}

impl Scene {
    pub(super) fn new(name: &'static str) -> Self {
        let image = "FROM/shop/app:v1".to_owned();
        let (from, to, files, variables) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { name, from, to, files, variables, image, tables: "" }
    }

    /// What the source does.
    pub(super) fn from(mut self, fault: Fault) -> Self {
        self.from.push(fault);
        self
    }

    /// What the destination does.
    pub(super) fn to(mut self, fault: Fault) -> Self {
        self.to.push(fault);
        self
    }

    /// The source always answers this.
    pub(super) fn source(self, method: &'static str, part: &str, answer: Answer) -> Self {
        self.from(Fault::on(method, part).act(Act::Say(answer)))
    }

    /// The destination always answers this.
    pub(super) fn destination(self, method: &'static str, part: &str, answer: Answer) -> Self {
        self.to(Fault::on(method, part).act(Act::Say(answer)))
    }

    /// A file in the folder, which is the home as well.
    pub(super) fn file(mut self, name: &'static str, text: &str) -> Self {
        self.files.push((name, text.to_owned()));
        self
    }

    pub(super) fn variable(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    /// What is wanted instead.
    pub(super) fn image(mut self, image: &str) -> Self {
        image.clone_into(&mut self.image);
        self
    }

    /// Further tables of the pipeline.
    pub(super) fn tables(self, tables: &'static str) -> Self {
        Self { tables, ..self }
    }

    /// What is said in each of them, in a row. They wait most of the time, so they do it together.
    pub(super) async fn told(scenes: Vec<Self>) -> String {
        join_all(scenes.into_iter().map(Self::play)).await.join("\n")
    }

    async fn play(self) -> String {
        let (from, to) = (FaultRegistry::start().await, FaultRegistry::start().await);
        // One blob only, so that it is certain which one fails.
        let app = image("linux/amd64", &[]);
        Content::at(&from.url_behind()).put("shop/app", "v1", &app).await;
        let (digest, blob) = (app.manifest.digest().to_string(), app.blobs[0].0.digest.to_string());
        let hosts = [("FROM", from.host()), ("TO", to.host()), ("DIGEST", digest), ("BLOB", blob)];
        self.from.iter().for_each(|fault| from.will(fault.clone()));
        self.to.iter().for_each(|fault| to.will(fault.clone()));
        let Self { name, mut files, variables, image, tables, .. } = self;
        files.push(("p.toml", pipeline(&image, tables)));
        let said = case::run_between(&hosts, files, variables, "run p.toml --quiet").await;
        for registry in [&from, &to] {
            registry.assert_all_fired();
        }
        format!("## {name}\n{said}")
    }
}

/// A pipeline for one image and one round; a catalog where no image is named.
fn pipeline(image: &str, tables: &str) -> String {
    let list = match image {
        "" => "use = \"catalog\"\nregistry = \"FROM\"\n[[push]]\nuse = \"registry\"\nprefix = \"TO/m\"".to_owned(),
        _ => format!("use = \"registry\"\nimages = [{{ from = \"{image}\", to = [\"TO/m/app\"] }}]"),
    };
    format!("[run]\nretries = 0\n[list]\n{list}\n{tables}")
}

/// An answer with the error that registries write in JSON.
pub(super) fn refuses(status: u16, code: &str, message: &str) -> Answer {
    Answer::status(status).json(&format!(r#"{{"errors":[{{"code":"{code}","message":"{message}"}}]}}"#))
}
