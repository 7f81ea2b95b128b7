//! One registry between the program and another registry: the checks of the matrix.

use std::collections::BTreeMap;

use sealift_conformance::images::Image;
use sealift_core::content::{Digest, Tag};
use sealift_e2e::program::Folder;
use sealift_serve::{ServeOptions, Server, access::Requests};
use sealift_testkit::content::Content;
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    folder, quick_dir,
    registries::Site,
    shapes::{self, BASE, Shape, about, app},
    table::{Check, Outcome, Role},
};

/// The registry under test, and a second one that takes everything.
pub(crate) struct Scene {
    site: Site,
    other: Server,
    content: Content,
    folder: Folder,
    _dir: TempDir,
}

type Verdict = Result<(), String>;

impl Scene {
    pub(crate) async fn new(site: Site) -> Self {
        let dir = quick_dir();
        let options = ServeOptions::new(dir.path().join("other")).writable().throwaway().record();
        let other = Server::start(options).await.expect("loopback can be listened on");
        let content = Content::at(&other.url());
        let folder = folder();
        site.write_settings(&folder);
        Self { site, other, content, folder, _dir: dir }
    }

    /// Plays all checks, in the order of [`Check::all`].
    pub(crate) async fn play(self) -> Vec<(Check, Outcome)> {
        let mut outcomes = Vec::new();
        self.content.put("shop/app", "v1", &app("v1")).await;
        self.content.put("shop/app", "v2", &app("v2")).await;
        let signed = self.sign().await;
        let shapes = shapes::odd();
        for shape in &shapes {
            self.content.put(&shape.repository, &shape.tag, &shape.image).await;
        }

        let mut to = |what, verdict: Verdict| outcomes.push((Check { role: Role::Destination, what }, verdict.into()));
        to("copy", self.copies(Role::Destination, "v1").await);
        to("rerun", self.rerun_moves_nothing(Role::Destination));
        to("referrers", self.brings_referrers(Role::Destination, &signed).await);
        to("mount", self.mounts().await);
        let staged = self.stages();
        to("load", self.loads().await);
        to("delta", self.loads_delta().await);
        to("sparse index", self.brings_sparse_index().await);
        let arrived = self.brings(Role::Destination, &shapes.iter().collect::<Vec<_>>()).await;
        for shape in &shapes {
            to(shape.what, arrived[shape.what].clone());
        }

        let mut from = |what, outcome| outcomes.push((Check { role: Role::Source, what }, outcome));
        from("copy", self.copies(Role::Source, "v1").await.into());
        from("rerun", self.rerun_moves_nothing(Role::Source).into());
        from("referrers", self.brings_referrers(Role::Source, &signed).await.into());
        from("stage", staged.into());
        let there: Vec<&Shape> = shapes.iter().filter(|shape| arrived[shape.what].is_ok()).collect();
        let read = self.brings(Role::Source, &there).await;
        for shape in &shapes {
            from(shape.what, read.get(shape.what).map_or(Outcome::Absent, |verdict| verdict.clone().into()));
        }
        outcomes
    }

    /// Runs the program with the login and the certificate of the registry.
    fn sealift(&self, arguments: &[&str]) -> Verdict {
        let ran = self.folder.run(&[arguments, &["--registries", "registries.toml"]].concat());
        if ran.code == Some(0) { Ok(()) } else { Err(ran.all()) }
    }

    /// Source and destination of a copy of `path`, and the content of the destination with the name there.
    fn way(&self, role: Role, path: &str) -> (String, String, &Content, String) {
        let (here, there) = (&self.site.host, self.other.addr());
        match role {
            Role::Destination => {
                (format!("{there}/{path}"), format!("{here}/in/{path}"), &self.site.content, format!("in/{path}"))
            }
            Role::Source => {
                (format!("{here}/in/{path}"), format!("{there}/out/{path}"), &self.content, format!("out/{path}"))
            }
        }
    }

    async fn copies(&self, role: Role, tag: &str) -> Verdict {
        let (from, to, content, name) = self.way(role, "shop/app");
        self.sealift(&["copy", "--no-cache", &format!("{from}:{tag}"), &format!("{to}:{tag}")])?;
        same(content, &name, tag, &app(tag)).await
    }

    fn rerun_moves_nothing(&self, role: Role) -> Verdict {
        let (from, to, ..) = self.way(role, "shop/app");
        self.site.reset();
        self.other.reset();
        self.sealift(&["copy", "--no-cache", &format!("{from}:v1"), &format!("{to}:v1")])?;
        let (here, there) = (self.site.requests(), self.other.requests());
        let (source, destination) = if role == Role::Source { (here, there) } else { (there, here) };
        let written: Vec<_> = destination.iter().filter(|one| !["GET", "HEAD"].contains(&&*one.method)).collect();
        if blob_reads(&source) > 0 || !written.is_empty() {
            return Err(format!("it moved something:\n{source}{destination}"));
        }
        Ok(())
    }

    /// An image with an SBOM, a signature of the SBOM, and a signature of cosign.
    async fn sign(&self) -> Image {
        let image = app("signed");
        self.content.put("shop/signed", "v1", &image).await;
        let sbom = about(&image.manifest, "application/x.sbom");
        for referrer in [&sbom, &about(&sbom.manifest, "application/x.signature")] {
            self.content.put("shop/signed", &referrer.manifest.digest().to_string(), referrer).await;
        }
        let cosign = cosign(&image);
        self.content.put("shop/signed", &cosign, &about(&image.manifest, "application/x.cosign")).await;
        image
    }

    async fn brings_referrers(&self, role: Role, image: &Image) -> Verdict {
        let (from, to, content, name) = self.way(role, "shop/signed");
        self.sealift(&["copy", "--no-cache", &format!("{from}:v1"), &format!("{to}:v1")])?;
        same(content, &name, "v1", image).await?;
        let sbom = about(&image.manifest, "application/x.sbom");
        let signature = about(&sbom.manifest, "application/x.signature");
        for (subject, referrer) in [(image, &sbom), (&sbom, &signature)] {
            let found = content.referrers(&name, subject.manifest.digest()).await;
            if !found.contains(referrer.manifest.digest()) {
                return Err(format!("{} is not among {found:?}", referrer.manifest.digest()));
            }
            content.whole(&name, &referrer.manifest.digest().to_string()).await;
        }
        same(content, &name, &cosign(image), &about(&image.manifest, "application/x.cosign")).await
    }

    /// A copy from one repository of the registry to another of it.
    async fn mounts(&self) -> Verdict {
        let here = &self.site.host;
        self.site.reset();
        self.sealift(&["copy", "--no-cache", &format!("{here}/in/shop/app:v1"), &format!("{here}/mounted/app:v1")])?;
        let asked = self.site.requests();
        same(&self.site.content, "mounted/app", "v1", &app("v1")).await?;
        let sent = |request: &&_| is_upload(request) && matches!(&*request.method, "PUT" | "PATCH");
        if blob_reads(&asked) > 0 || asked.iter().any(|request| sent(&request)) {
            return Err(format!("it moved something:\n{asked}"));
        }
        Ok(())
    }

    fn stages(&self) -> Verdict {
        self.sealift(&["stage", "--no-cache", &format!("{}/in/shop/app:v1", self.site.host), "--to", "bundle"])?;
        let verified = self.folder.run(&["verify", "bundle"]);
        if verified.code == Some(0) { Ok(()) } else { Err(verified.all()) }
    }

    async fn loads(&self) -> Verdict {
        self.sealift(&["load", "--no-cache", "bundle", "--to", &format!("{}/loaded", self.site.host)])?;
        same(&self.site.content, "loaded/in/shop/app", "v1", &app("v1")).await
    }

    /// The second version is brought without the layer that the registry has.
    async fn loads_delta(&self) -> Verdict {
        let repository = format!("{}/in/shop/app", self.site.host);
        let receipt = self.folder.run(&["receipt", &repository, "--registries", "registries.toml"]);
        if receipt.code != Some(0) {
            return Err(receipt.all());
        }
        self.folder.write("receipt.json", &receipt.stdout);
        let new = format!("{}/shop/app:v2", self.other.addr());
        self.sealift(&["stage", "--no-cache", &new, "--to", "delta", "--base", "receipt.json"])?;
        let base = self.folder.path("delta/blobs/sha256").join(Digest::of(BASE.as_bytes()).hex());
        if base.exists() {
            return Err("the layer that the registry has was staged".to_owned());
        }
        self.sealift(&["load", "--no-cache", "delta", "--to", &format!("{}/in", self.site.host)])?;
        same(&self.site.content, "in/shop/app", "v2", &app("v2")).await
    }

    /// An index that keeps its digest without the image of a platform.
    async fn brings_sparse_index(&self) -> Verdict {
        let (from, to) = (self.other.addr(), &self.site.host);
        let rule = format!("{{ from = \"{from}/shop/app:v1\", to = [\"{to}/sparse/app:v1\"] }}");
        let filter = "[[filter]]\nuse = \"platform\"\nkeep = [\"linux/amd64\"]\n[run]\nindex = \"sparse\"\nretries = 0";
        let list = format!("[list]\nuse = \"registry\"\nimages = [{rule}]\n{filter}\n");
        self.folder.write("sparse.toml", &format!("{list}[registries]\nfile = \"registries.toml\"\n"));
        let ran = self.folder.run(&["run", "--no-cache", "sparse.toml"]);
        if ran.code != Some(0) {
            return Err(ran.all());
        }
        let digest = self.site.content.digest("sparse/app", "v1").await;
        assert_eq!(digest.as_ref(), Some(app("v1").manifest.digest()));
        Ok(())
    }

    /// Copies odd images in one run.
    async fn brings(&self, role: Role, shapes: &[&Shape]) -> BTreeMap<&'static str, Verdict> {
        let rule = |shape: &&Shape| {
            let (from, to, ..) = self.way(role, &format!("{}:{}", shape.repository, shape.tag));
            format!("  {{ from = \"{from}\", to = [\"{to}\"] }},\n")
        };
        let rules: String = shapes.iter().map(rule).collect();
        let pipeline = format!(
            "[list]\nuse = \"registry\"\nimages = [\n{rules}]\n[run]\nretries = 0\n[registries]\nfile = \"registries.toml\"\n"
        );
        self.folder.write("odd.toml", &pipeline);
        let ran = self.folder.run(&["run", "--no-cache", "odd.toml", "--report", "report.json"]);
        let report: Value = serde_json::from_str(&self.folder.read("report.json")).expect("reports are JSON");
        let mut verdicts = BTreeMap::new();
        for shape in shapes {
            let (_, to, content, name) = self.way(role, &shape.repository);
            let target = format!("{to}:{}", shape.tag);
            let failures = report["failures"].as_array().expect("it is a list");
            let verdict = match failures.iter().find(|failure| failure["target"] == *target) {
                Some(failure) => Err(failure["cause"].as_str().unwrap_or_default().to_owned()),
                None if !shape.is_whole => {
                    let there = content.digest(&name, &shape.tag).await;
                    let same = there.as_ref() == Some(shape.image.manifest.digest());
                    if same { Ok(()) } else { Err(ran.all()) }
                }
                None => same(content, &name, &shape.tag, &shape.image).await,
            };
            verdicts.insert(shape.what, verdict);
        }
        assert_eq!(ran.code == Some(0), verdicts.values().all(Result::is_ok), "{verdicts:#?}\n{}", ran.all());
        verdicts
    }
}

impl From<Verdict> for Outcome {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Ok(()) => Self::Works,
            Err(said) => Self::Fails(said),
        }
    }
}

/// The tag of a signature by cosign.
fn cosign(image: &Image) -> String {
    format!("{}.sig", Tag::referrers_tag(image.manifest.digest()).expect("a tag can be that long"))
}

/// Reads everything below a tag, and compares its digest.
async fn same(content: &Content, repository: &str, tag: &str, image: &Image) -> Verdict {
    let there = content.digest(repository, tag).await;
    if there.as_ref() != Some(image.manifest.digest()) {
        return Err(format!("{repository}:{tag} is {there:?} and not {}", image.manifest.digest()));
    }
    content.whole(repository, tag).await;
    Ok(())
}

fn is_upload(request: &sealift_serve::access::AccessRecord) -> bool {
    request.path.contains("/blobs/uploads/")
}

fn blob_reads(requests: &Requests) -> usize {
    requests.iter().filter(|one| one.method == "GET" && one.path.contains("/blobs/") && !is_upload(one)).count()
}
