//! The verbs that copy.

use sealift_conformance::images::Image;
use sealift_core::content::Digest;
use sealift_e2e::program::{Folder, Ran};
use sealift_testkit::content::Content;

use crate::{Site, app, blob, folder, layer, sbom};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Run,
    Sync,
    Copy,
    Stage,
    /// What `stage` wrote into `bundle`; faults of the source are faults of that directory.
    Load,
}

const VERBS: [Verb; 5] = [Verb::Run, Verb::Sync, Verb::Copy, Verb::Stage, Verb::Load];

/// A verb between two registries, or between one and a directory.
struct Scene {
    verb: Verb,
    from: Site,
    to: Site,
    folder: Folder,
}

impl Scene {
    /// `shop/app:v1` stands at the source, and in the directory if the verb reads one.
    async fn new(verb: Verb) -> (Self, Image) {
        let scene = Self { verb, from: Site::start().await, to: Site::start().await, folder: folder() };
        let image = app("v1");
        scene.from.content().put("shop/app", "v1", &image).await;
        if verb == Verb::Load {
            scene.stage(&["v1"], &[]).expect(0);
        }
        (scene, image)
    }

    fn stage(&self, tags: &[&str], more: &[&str]) -> Ran {
        let images: Vec<_> = tags.iter().map(|tag| format!("{}/shop/app:{tag}", self.from.host())).collect();
        let mut arguments = vec!["stage", "--no-cache", "--to", "bundle"];
        arguments.extend(images.iter().map(String::as_str));
        arguments.extend(more);
        self.folder.run(&arguments)
    }

    /// Brings tags of `shop/app` to the same name at the destination.
    fn bring(&self, tags: &[&str], more: &[&str]) -> Ran {
        let (f, t) = (self.from.host(), self.to.host());
        let mut arguments: Vec<String> = Vec::new();
        match self.verb {
            Verb::Run => {
                let rule = |tag: &&str| format!("{{ from = \"{f}/shop/app:{tag}\", to = [\"{t}/shop/app\"] }}");
                let rules: Vec<_> = tags.iter().map(rule).collect();
                let mut text = format!("name = \"p\"\n[list]\nuse = \"registry\"\nimages = [{}]\n", rules.join(","));
                let mut more = more.iter();
                while let Some(flag) = more.next() {
                    assert_eq!(*flag, "--platform", "a pipeline has words for this only");
                    text += &format!("[[filter]]\nuse = \"platform\"\nkeep = [\"{}\"]\n", more.next().unwrap());
                }
                self.folder.write("p.toml", &text);
                arguments.extend(["run", "p.toml", "--no-cache"].map(str::to_owned));
            }
            Verb::Sync => {
                let rule = |tag: &&str| format!("\"{f}/shop/app:{tag}\": {t}/shop/app\n");
                self.folder.write("images.yaml", &tags.iter().map(rule).collect::<String>());
                arguments.extend(["sync", "--images", "images.yaml", "--no-cache"].map(str::to_owned));
                let mut more = more.iter();
                while let Some(flag) = more.next() {
                    assert_eq!(*flag, "--platform", "image-syncer's flags have words for this only");
                    let (os, arch) = more.next().unwrap().split_once('/').unwrap();
                    arguments.extend(["--os", os, "--arch", arch].map(str::to_owned));
                }
            }
            Verb::Copy => {
                assert_eq!(tags.len(), 1, "`copy` takes one image");
                let (source, target) = (format!("{f}/shop/app:{}", tags[0]), format!("{t}/shop/app:{}", tags[0]));
                arguments.extend(["copy", "--no-cache", &source, &target].map(str::to_owned));
                arguments.extend(more.iter().map(|&flag| flag.to_owned()));
            }
            Verb::Stage => return self.stage(tags, more),
            Verb::Load => {
                arguments.extend(["load", "bundle", "--no-cache", "--to", &t].map(str::to_owned));
                for tag in tags {
                    arguments.extend(["--include".to_owned(), format!("{f}/shop/app:{tag}")]);
                }
                arguments.extend(more.iter().map(|&flag| flag.to_owned()));
            }
        }
        self.folder.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// The registry that shows what arrived: the destination itself, or one that serves the directory.
    async fn arrived(&self) -> (Content, Option<sealift_serve::Server>, String) {
        if self.verb != Verb::Stage {
            return (self.to.content(), None, "shop/app".to_owned());
        }
        let options = sealift_serve::ServeOptions::new(self.folder.path("bundle"));
        let server = sealift_serve::Server::start(options).await.unwrap();
        let repository = format!("{}/shop/app", self.from.host().replace(':', "_"));
        (Content::at(&server.url()), Some(server), repository)
    }

    async fn assert_whole(&self, tag: &str, image: &Image) {
        let (content, _server, repository) = self.arrived().await;
        let there = content.digest(&repository, tag).await;
        assert_eq!(there.as_ref(), Some(image.manifest.digest()), "{:?}: {repository}:{tag}", self.verb);
        content.whole(&repository, tag).await;
    }

    /// Takes a file away from the source: of the registry, or of the directory where that is the source.
    fn lose_at_the_source(&self, digest: &Digest) {
        let file = match self.verb {
            Verb::Load => blob(self.folder.path("bundle"), digest),
            _ => self.from.file(digest),
        };
        std::fs::remove_file(file).unwrap();
    }

    /// Takes a file away from the destination. A registry refuses to delete a child of an index, so its disk loses it.
    fn lose_at_the_destination(&self, digest: &Digest) {
        let file = match self.verb {
            Verb::Stage => blob(self.folder.path("bundle"), digest),
            _ => self.to.file(digest),
        };
        std::fs::remove_file(file).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_for_is_there_after_zero_and_after_a_rerun() {
    for verb in VERBS {
        let (scene, image) = Scene::new(verb).await;
        for _ in 0..2 {
            scene.bring(&["v1"], &[]).expect(0);
            scene.assert_whole("v1", &image).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_the_source_does_not_have_is_no_success() {
    for verb in VERBS {
        let (scene, _) = Scene::new(verb).await;
        let ran = scene.bring(&["v2"], &[]).expect(1);
        assert!(ran.stderr.contains("v2"), "{verb:?}: {}", ran.all());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_layer_or_a_child_that_the_source_lost_is_no_success() {
    for verb in VERBS {
        for lost in
            [|image: &Image| layer(image).digest.clone(), |image: &Image| image.children[0].manifest.digest().clone()]
        {
            let (scene, image) = Scene::new(verb).await;
            scene.lose_at_the_source(&lost(&image));
            let ran = scene.bring(&["v1"], &[]).expect(1);
            assert!(ran.stderr.contains("shop/app"), "{verb:?}: {}", ran.all());
            if verb == Verb::Stage {
                assert_ne!(scene.folder.run(&["verify", "bundle"]).code, Some(0), "half an image is not whole");
            } else {
                assert_eq!(scene.to.content().digest("shop/app", "v1").await, None, "{verb:?}: a tag of half an image");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_the_destination_lost_is_brought_again() {
    for verb in VERBS {
        let (scene, image) = Scene::new(verb).await;
        scene.bring(&["v1"], &[]).expect(0);
        scene.lose_at_the_destination(image.children[0].manifest.digest());
        scene.bring(&["v1"], &[]).expect(0);
        scene.assert_whole("v1", &image).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_referrer_that_came_later_is_brought_to_an_image_that_is_there() {
    // `sync` moves no referrers unless it is told to, as image-syncer does not.
    for verb in VERBS.into_iter().filter(|verb| *verb != Verb::Sync) {
        let (scene, image) = Scene::new(verb).await;
        scene.bring(&["v1"], &[]).expect(0);
        let sbom = sbom(&image.manifest);
        scene.from.content().put("shop/app", &sbom.manifest.digest().to_string(), &sbom).await;
        if verb == Verb::Load {
            scene.stage(&["v1"], &[]).expect(0);
        }
        scene.bring(&["v1"], &[]).expect(0);
        let (content, _server, repository) = scene.arrived().await;
        content.whole(&repository, &sbom.manifest.digest().to_string()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_the_image_does_not_have_is_no_success() {
    for verb in VERBS {
        let (scene, _) = Scene::new(verb).await;
        // image-syncer ends with 0 here, so `sync` does, with a warning.
        let code = i32::from(verb != Verb::Sync);
        let ran = scene.bring(&["v1"], &["--platform", "linux/s390x"]).expect(code);
        assert!(ran.stderr.contains("shop/app:v1"), "{verb:?}: {}", ran.all());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_with_nothing_in_it_is_no_success() {
    let (scene, _) = Scene::new(Verb::Stage).await;
    let folder = &scene.folder;
    folder.write("none.txt", "# nothing yet\n");
    folder.run(&["stage", "--file", "none.txt", "--to", "bundle"]).expect(1);
    folder.write("p.toml", "name = \"p\"\n[list]\nuse = \"text\"\nfiles = [\"none.txt\"]\n[[push]]\nuse = \"oci-dir\"\npath = \"bundle\"\n");
    folder.run(&["run", "p.toml"]).expect(1);
    let (f, t) = (scene.from.host(), scene.to.host());
    folder.write("p.toml", &format!("name = \"p\"\n[list]\nuse = \"registry\"\nimages = [{{ from = \"{f}/shop/app:/^w/\", to = [\"{t}/shop/app\"] }}]\n"));
    let ran = folder.run(&["run", "p.toml", "--quiet"]).expect(1);
    assert!(ran.stderr.contains("shop/app"), "the cause is told in a quiet run, too: {}", ran.all());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_with_a_digest_keeps_its_tag() {
    for verb in [Verb::Run, Verb::Copy, Verb::Stage] {
        let (scene, image) = Scene::new(verb).await;
        let pinned = format!("v1@{}", image.manifest.digest());
        match verb {
            Verb::Copy => {
                let (f, t) = (scene.from.host(), scene.to.host());
                scene.folder.run(&["copy", &format!("{f}/shop/app:{pinned}"), &format!("{t}/shop/app")]).expect(0);
            }
            _ => drop(scene.bring(&[&pinned], &[]).expect(0)),
        }
        scene.assert_whole("v1", &image).await;
    }
}
