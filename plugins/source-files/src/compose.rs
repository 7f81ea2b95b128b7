//! The `compose` list: the images of the services of a Compose file.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use schemars::JsonSchema;
use sealift_core::{
    diagnostic::Diagnostic,
    plugin::{BuildContext, ConfigError, Plugin, Purpose, StageConfig},
    stage::List,
};
use serde::Deserialize;

use crate::{
    exclude::Excluded,
    file_kind::FileKind,
    images::{Images, Mention, label},
    input::{self, Input},
    yaml::{Documents, YamlNode, YamlValue},
};

mod dotenv;
mod variables;

use variables::{VariableProblem, expand};

/// Lists the images of the services of Compose files.
///
/// `image` of every service counts, in every profile. Variables are replaced as Compose does it (`$TAG`, `${TAG}`,
/// `${TAG:-1.27}`, `${TAG:?say which}`, `$$` for a dollar), from the environment first and then from the `.env` file
/// beside the Compose file. In a pipeline that runs, a variable without a value is an error. Files are merged as by
/// `docker compose -f a -f b`: a later one may give a service another image. What `include` and `extends` point to in
/// other files is not followed, and is warned about.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("examples" = [{ "files": ["-"] }]))]
pub struct Compose {
    /// The Compose files, such as `compose.yaml`; a directory means the Compose file in it with its override; `-` is
    /// standard input. Relative paths start at the pipeline file. At least one.
    #[schemars(length(min = 1), example = ["-"])]
    pub files: Vec<String>,
    /// A file with variables instead of the `.env` beside each Compose file. Default: `.env`, if it is there.
    #[serde(default)]
    #[schemars(example = &"prod.env")]
    pub env_file: Option<String>,
    /// Names that are left out, as globs: `*-debug`, `registry.example.com/*`; a repository stands for all its versions.
    /// Default: none.
    #[serde(default)]
    #[schemars(example = ["registry.example.com/*"])]
    pub exclude: Vec<String>,
}

impl StageConfig<dyn List> for Compose {
    fn build(self, cx: &BuildContext<'_>) -> Result<Box<dyn List>, ConfigError> {
        let inputs = input::read(&self.files, compose_files_in, cx);
        let given = self.env_file.as_deref().map(|name| dotenv::read(&cx.path(name), name, &|name| cx.env(name)));
        let given = given.transpose().map_err(|errors| ConfigError::from(errors).at("env_file"));
        let (inputs, given) = match (inputs, given) {
            (Ok(inputs), Ok(given)) => (inputs, given),
            (inputs, given) => {
                let errors = [inputs.err(), given.err()].into_iter().flatten();
                return Err(errors.fold(ConfigError::default(), ConfigError::and));
            }
        };
        let mut project = ComposeProject { excluded: Excluded::new(&self.exclude)?, ..ComposeProject::new(cx) };
        for input in &inputs {
            project.read(input, given.as_ref());
        }
        project.finish()
    }
}

const NAMES: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"];

/// The Compose file of a directory and its override, as Compose finds them.
fn compose_files_in(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let first =
        |names: &mut dyn Iterator<Item = String>| names.map(|name| directory.join(name)).find(|path| path.is_file());
    let main = first(&mut NAMES.iter().map(ToString::to_string));
    let Some(main) = main else { return Ok(Vec::new()) };
    let overriding = first(&mut NAMES.iter().map(|name| name.replace("compose.", "compose.override.")));
    Ok([Some(main), overriding].into_iter().flatten().collect())
}

type Variables = BTreeMap<String, String>;

/// The merged services of all files.
struct ComposeProject<'c> {
    cx: &'c BuildContext<'c>,
    excluded: Excluded,
    /// The services in the order in which they are named first; none of an image means that it is built.
    services: Vec<(String, Option<Mention>)>,
    errors: Vec<Diagnostic>,
    /// Files that the user named and that hold no document.
    empty: Vec<Arc<str>>,
    /// What may name an image and is not read, with its place.
    left_out: Vec<String>,
}

impl<'c> ComposeProject<'c> {
    fn new(cx: &'c BuildContext<'c>) -> Self {
        Self {
            cx,
            excluded: Excluded::default(),
            services: Vec::new(),
            errors: Vec::new(),
            empty: Vec::new(),
            left_out: Vec::new(),
        }
    }

    fn read(&mut self, input: &Input, given: Option<&Variables>) {
        let beside = match given {
            Some(given) => given.clone(),
            None => self.variables_beside(input),
        };
        let (documents, error) = Documents::parse(input);
        if let Some(kind) = FileKind::of(&documents).filter(|kind| *kind != FileKind::Compose) {
            return self.errors.push(kind.unexpected(input, "services of Compose"));
        }
        for root in documents.roots.iter().filter(|root| !root.is_null()) {
            self.document(&documents, root, &beside);
        }
        if input.named && error.is_none() && documents.is_empty() {
            self.empty.push(Arc::clone(&input.name));
            if self.cx.purpose() == Purpose::Check {
                input::warn_of_nothing(input, 0, self.cx);
            }
        }
        self.errors.extend(error);
    }

    fn variables_beside(&mut self, input: &Input) -> Variables {
        let path = input.directory.join(".env");
        if !path.is_file() {
            return Variables::new();
        }
        let name = match input.name.rsplit_once('/') {
            Some((directory, _)) => format!("{directory}/.env"),
            None => ".env".to_owned(),
        };
        dotenv::read(&path, &name, &|name| self.cx.env(name)).unwrap_or_else(|errors| {
            // Two Compose files in one directory have the same `.env`.
            self.errors.extend(errors.into_iter().filter(|error| !self.errors.contains(error)).collect::<Vec<_>>());
            Variables::new()
        })
    }

    fn document(&mut self, documents: &Documents<'_>, root: &YamlNode, beside: &Variables) {
        if let Some(include) = root.get("include") {
            let place = documents.place(include);
            self.left_out.push(format!("what `include` names in {}", label(&place)));
            let warning = Diagnostic::warning("`include` is not followed").at(place);
            self.cx.warn(warning.hint("name the included files in `files` as well"));
        }
        let services = root.get("services").map(|services| (services, services.resolved()));
        match services {
            Some((_, YamlValue::Map(services))) => {
                for (name, service) in services {
                    self.service(documents, name, service, beside);
                }
            }
            Some((services, _)) if !services.is_null() => {
                let message = format!("expected services by name, found {}", services.what());
                self.errors.push(Diagnostic::error(message).at(documents.place(services)));
            }
            Some(_) => {}
            None if root.get("include").is_some()
                || root.get("networks").is_some()
                || root.get("volumes").is_some() => {}
            None => {
                let error = Diagnostic::error("this Compose file has no `services`").at(documents.place(root));
                self.errors.push(error);
            }
        }
    }

    fn service(&mut self, documents: &Documents<'_>, name: &YamlNode, service: &YamlNode, beside: &Variables) {
        let Some(name) = name.text() else { return };
        if let Some(other) = service.get("extends").and_then(|extends| extends.get("file")) {
            let warning = Diagnostic::warning(format!("what `{name}` extends in another file is not followed"));
            self.cx.warn(warning.at(documents.place(other)).hint("name that file in `files` as well, before this one"));
        }
        let image = service.get("image");
        if image.is_none() && service.get("extends").is_some() {
            // Its image is that of the other service.
            if let Some(other) = service.get("extends").and_then(|extends| extends.get("file")) {
                self.left_out.push(format!("the image of `{name}` in {}", label(&documents.place(other))));
            }
            return;
        }
        let known = self.services.iter().position(|(known, _)| known == name);
        let at = known.unwrap_or_else(|| {
            self.services.push((name.to_owned(), None));
            self.services.len() - 1
        });
        if let Some(image) = image {
            self.services[at].1 = self.image(documents, image, beside);
        }
    }

    fn image(&mut self, documents: &Documents<'_>, image: &YamlNode, beside: &Variables) -> Option<Mention> {
        if image.is_null() {
            return None; // `!reset null` takes an image away
        }
        let complain = |message: String| Diagnostic::error(message).at(documents.place(image));
        let Some(written) = image.text() else {
            self.errors.push(complain(format!("expected the name of an image, found {}", image.what())));
            return None;
        };
        let look_up = |name: &str| self.cx.env(name).or_else(|| beside.get(name).cloned());
        match expand(written, &look_up) {
            Ok(name) => match Mention::parse(&name, || documents.place(image)) {
                Ok(mention) => return Some(mention),
                Err(error) if name == written => self.errors.push(complain(error.to_string())),
                Err(error) => self.errors.push(complain(format!("`{written}` is `{name}` here: {error}"))),
            },
            Err(problems) => {
                for problem in problems {
                    self.problem(&problem, complain(problem.to_string()));
                }
            }
        }
        None
    }

    /// A variable may be set where the pipeline runs, so only checking warns of one that is not.
    fn problem(&mut self, problem: &VariableProblem, diagnostic: Diagnostic) {
        let diagnostic = match problem {
            VariableProblem::Unset(name) => diagnostic.hint(format!("set it, or give a default: `${{{name}:-…}}`")),
            VariableProblem::Required(..) | VariableProblem::Syntax(_) | VariableProblem::TooLong => diagnostic,
        };
        match (self.cx.purpose(), problem) {
            (Purpose::Check, VariableProblem::Unset(_) | VariableProblem::Required(..)) => {
                let warning = Diagnostic::warning(diagnostic.message.clone());
                self.cx.warn(Diagnostic { severity: warning.severity, ..diagnostic });
            }
            _ => self.errors.push(diagnostic),
        }
    }

    fn finish(self) -> Result<Box<dyn List>, ConfigError> {
        if !self.errors.is_empty() {
            return Err(self.errors.into());
        }
        let built: Vec<String> =
            self.services.iter().filter(|(_, image)| image.is_none()).map(|(name, _)| format!("`{name}`")).collect();
        if !built.is_empty() && self.cx.purpose() == Purpose::Run {
            let message = format!("there is no `image` for {}, so nothing is copied for that", built.join(", "));
            self.cx.warn_at("files", Diagnostic::warning(message));
        }
        let mentions = self.services.into_iter().filter_map(|(_, image)| image);
        let mentions = mentions.filter(|mention| !self.excluded.has(&mention.image.to_string())).collect();
        Ok(Box::new(Images::new(mentions, self.cx).and_nothing_in(self.empty).and_left_out(self.left_out)))
    }
}

sealift_core::inventory::submit! { Plugin::list::<Compose>("compose") }

#[cfg(test)]
mod tests;
