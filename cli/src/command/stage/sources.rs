//! The images that `sealift stage` is asked for: names, rules, and files of several kinds.

use std::path::{Path, PathBuf};

use sealift_core::diagnostic::Diagnostic;

use crate::{
    command::image_argument,
    options::{maybe_file, not_empty, trimmed},
    translation::{Translation, list, path},
    usage_error::UsageError,
};

/// The options that say which images are meant. Several of them add up.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct SourceOptions {
    /// The images to stage, such as `quay.io/coreos/etcd:v3.5.0`; without tag or digest it is `latest`
    #[arg(value_name = "IMAGE")]
    images: Vec<String>,

    /// Rules in image-syncer's format (.yaml, .yml or .json); their destinations are noted for `sealift load`
    #[arg(long = "images", value_name = "FILE", value_parser = maybe_file())]
    rules: Option<PathBuf>,

    /// A file with one image in each line; `-` is stdin
    #[arg(long = "file", value_name = "FILE")]
    texts: Vec<PathBuf>,

    /// Manifests of Kubernetes (YAML or JSON), or a directory of them; `-` is stdin
    #[arg(long, value_name = "FILE")]
    kubernetes: Vec<PathBuf>,

    /// A rendered chart, as `helm template` prints it; `-` is stdin
    #[arg(long, value_name = "FILE")]
    helm: Vec<PathBuf>,

    /// A Compose file, or a directory with one; `-` is stdin
    #[arg(long, value_name = "FILE")]
    compose: Vec<PathBuf>,

    /// Leave out images of such names that files name: `*-debug`, `registry.example.com/*`
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    exclude: Vec<String>,
}

/// A list of files, and the flags by which they are given.
type Files<'a> = (&'static str, Vec<(&'static str, &'a PathBuf)>);

impl SourceOptions {
    /// Returns the names on the command line.
    pub(super) fn images(&self) -> impl Iterator<Item = &str> {
        self.images.iter().map(String::as_str)
    }

    /// Writes `[list]`, or one `[[list]]` for each kind of source. `has_password` says that stdin is read already.
    ///
    /// # Errors
    /// If no image is asked for, or something is named that cannot be read.
    pub(super) fn write(&self, pipeline: &mut Translation, has_password: bool) -> Result<(), UsageError> {
        let files = self.files();
        self.check(&files, has_password)?;
        let rules = not_empty(self.rules.as_deref());
        let count = files.len() + usize::from(rules.is_some()) + usize::from(!self.images.is_empty());
        let header = if count == 1 { "[list]" } else { "[[list]]" };
        if !self.images.is_empty() {
            pipeline.table(header);
            pipeline.key("use", "registry".into(), "");
            for image in &self.images {
                pipeline.table("[[list.images]]");
                pipeline.key("from", image_argument::parse(image, FILES)?.into(), image);
            }
        }
        if let Some(rules) = rules {
            pipeline.table(header);
            pipeline.key("use", "registry".into(), "");
            pipeline.key("rules", path(rules, "--images")?, &format!("--images {}", rules.display()));
        }
        let exclude = trimmed(&self.exclude);
        for (kind, files) in &files {
            pipeline.table(header);
            pipeline.key("use", (*kind).into(), "");
            let paths: Vec<_> = files.iter().map(|(flag, file)| path(file, flag)).collect::<Result<_, _>>()?;
            let paths: Vec<&str> = paths.iter().filter_map(toml::Value::as_str).collect();
            let typed: Vec<_> = files.iter().map(|(flag, file)| format!("{flag} {}", file.display())).collect();
            pipeline.key("files", list(&paths), &typed.join(" "));
            if !exclude.is_empty() {
                pipeline.key("exclude", list(&exclude), &format!("--exclude {}", exclude.join(",")));
            }
        }
        Ok(())
    }

    /// Returns the files that name images, by the kind of the list that reads them.
    fn files(&self) -> Vec<Files<'_>> {
        let flag = |flag: &'static str, files| Vec::from_iter(std::iter::repeat(flag).zip(files));
        let manifests = [flag("--kubernetes", &self.kubernetes), flag("--helm", &self.helm)].concat();
        let lists = [
            ("text", flag("--file", &self.texts)),
            ("kubernetes", manifests),
            ("compose", flag("--compose", &self.compose)),
        ];
        lists.into_iter().filter(|(_, files)| !files.is_empty()).collect()
    }

    fn check(&self, files: &[Files<'_>], has_password: bool) -> Result<(), UsageError> {
        if files.is_empty() && self.images.is_empty() && not_empty(self.rules.as_deref()).is_none() {
            return Err(Diagnostic::error("no image is named to stage").hint(SOURCES).into());
        }
        if files.is_empty() && !trimmed(&self.exclude).is_empty() {
            return Err(Diagnostic::error("`--exclude` leaves out images that files name, and no such file is given")
                .hint("leave it out, or name the images in a file for `--file`")
                .into());
        }
        let all = || files.iter().flat_map(|(_, files)| files);
        let files_of_stdin = all().filter(|(_, file)| *file == Path::new("-")).map(|(flag, _)| format!("`{flag} -`"));
        let password = has_password.then(|| "`--password-stdin`".to_owned());
        let readers: Vec<_> = files_of_stdin.chain(password).collect();
        if readers.len() > 1 {
            let message = format!("stdin is read once, and {} read it", readers.join(" and "));
            return Err(Diagnostic::error(message)
                .hint("write one of them to a file, or a password into a variable")
                .into());
        }
        match all().find(|(flag, file)| matches!(*flag, "--helm" | "--kubernetes") && is_chart(file)) {
            Some((flag, chart)) => {
                let chart = chart.display();
                let message = format!("`{chart}` is a chart that is not rendered");
                Err(Diagnostic::error(message)
                    .note(format!("from `{flag} {chart}`"))
                    .hint(format!("render it first: `helm template {chart} | sealift stage --helm - …`"))
                    .into())
            }
            None => Ok(()),
        }
    }
}

/// The hint if nothing is asked for.
const SOURCES: &str =
    "name them, or give files that name them: `--images`, `--file`, `--kubernetes`, `--helm` or `--compose`";

/// The hint for a file that is given as an image.
const FILES: &str =
    "give it by what is in it: `--kubernetes`, `--helm` or `--compose`, `--images` for rules, `--file` for lines";

/// Returns true for the directory or the archive of a chart.
fn is_chart(file: &Path) -> bool {
    file.join("Chart.yaml").is_file() || file.extension().is_some_and(|suffix| suffix == "tgz")
}
