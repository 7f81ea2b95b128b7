//! `sealift receipt`: lists the content of a layout or a registry in a file that is carried back.

use std::{path::Path, sync::Arc};

use sealift_core::{
    cache::Cache,
    content::FullReference,
    diagnostic::Diagnostic,
    engine::{self, CancelHandle, RunSettings},
    event::Event,
    observer::ObserverFn,
    spec::Named,
    stage::Push,
};
use sealift_oci_layout::{Gaps, ImageCatalog, Layout, Receipt, ReceiptBuilder, ReceiptRecorder};
use toml::{Table, Value};

use super::perform::load_translated;
use crate::{
    context::Context,
    display::{bytes, failures, gaps, number},
    interrupt,
    options::EmptinessOptions,
    registry_options::RegistryOptions,
    translation::Translation,
    usage_error::UsageError,
};

/// Write down what a directory or a registry has, for the next delta
///
/// The receipt goes to stdout: `sealift receipt harbor.example.com/library/nginx > receipt.json`. Carried back, it says
/// to the next `sealift stage` what can be left out. Of a registry only manifests are read.
#[derive(Debug, clap::Args)]
#[command(mut_arg("allow_empty", |it| it.help("Warn instead of failing if there is no image in what the receipt is of")))]
pub(crate) struct Args {
    /// Directories or tar files, and repositories such as `harbor.example.com/library/nginx`: all their tags, or `…:1.27`, `…:/^v3/`.
    /// All repositories of a registry: `harbor.example.com`, or of a part of it: `harbor.example.com/library/*`
    #[arg(value_name = "DIR|REPOSITORY|REGISTRY", required = true)]
    of: Vec<String>,

    #[command(flatten)]
    registries: RegistryOptions,

    #[command(flatten)]
    emptiness: EmptinessOptions,
}

impl Args {
    /// Returns the arguments that name repositories.
    fn repositories(&self) -> impl Iterator<Item = &String> {
        self.of.iter().filter(|text| !is_directory(text) && catalog(text).is_none())
    }

    /// Returns the registries, or parts of them, of which all repositories are meant.
    fn catalogs(&self) -> impl Iterator<Item = &str> {
        self.of.iter().filter(|text| !is_directory(text)).filter_map(|text| catalog(text))
    }
}

/// Returns the registry, with the path that repositories are below, if a text names no single repository.
fn catalog(text: &str) -> Option<&str> {
    if let Some(below) = text.strip_suffix("/*") {
        return Some(below);
    }
    let (host, port) = text.split_once(':').unwrap_or((text, ""));
    let is_host = (host.contains('.') || host == "localhost") && port.bytes().all(|byte| byte.is_ascii_digit());
    (is_host && !text.contains('/')).then_some(text)
}

/// Returns true for a directory or tar file: there is one of this name, or the name is written as a path.
fn is_directory(text: &str) -> bool {
    Path::new(text).exists() || [".", "/", "~"].iter().any(|start| text.starts_with(start))
}

/// Returns a warning for a name that has no registry in it: a directory may have been meant.
fn taken_for(name: &str) -> Option<Diagnostic> {
    let host = name.split('/').next().unwrap_or_default();
    let has_host = name.contains('/') && (host.contains(['.', ':']) || host == "localhost");
    let repository = FullReference::parse_or_latest(name).ok().filter(|_| !has_host)?.image.repository;
    let message = format!("there is no directory `{name}`, so it is taken for the repository `{repository}`");
    Some(
        Diagnostic::warning(message)
            .hint(format!("write `./{name}` for a directory, `{repository}` for the repository")),
    )
}

pub(super) async fn execute(args: &Args, context: &Context) -> Result<u8, UsageError> {
    let mut builder = ReceiptBuilder::new(args.of.iter().map(String::as_str));
    let mut code = 0;
    for path in args.of.iter().filter(|text| is_directory(text)) {
        let layout = Layout::open(path).await?;
        let (receipt, missing) = Receipt::of_layout_with_gaps(&layout).await?;
        for warning in ImageCatalog::read(&layout).await?.warnings() {
            context.console.say(&format!("warning: {warning}"));
        }
        let asked = Gaps { lost: Vec::new(), ..layout.gaps().await? }; // which are told below
        if !asked.is_empty() {
            let summary = gaps::summary(&asked, receipt.images().len());
            context.console.say(&format!("warning: `{path}` is incomplete: {summary}"));
        }
        builder.add_all(&receipt);
        for gap in &missing {
            code = 1;
            context.show(&[Diagnostic::error(gap.clone())]);
        }
    }
    for name in args.repositories() {
        if let Some(notice) = taken_for(name) {
            context.show(&[notice]);
        }
    }
    let mut pipelines: Vec<Translation> = Vec::new();
    if args.repositories().next().is_some() {
        pipelines.push(of_repositories(args)?);
    }
    for place in args.catalogs() {
        pipelines.push(of_catalog(args, place)?);
    }
    for pipeline in &pipelines {
        let (receipt, exit) = of_registries(args, pipeline, context).await?;
        builder.add_all(&receipt);
        code = code.max(exit);
        if code == 130 {
            return Ok(code);
        }
    }
    if code == 130 {
        return Ok(code);
    }
    let receipt = builder.finish();
    if code != 0 && receipt.images().is_empty() && receipt.blobs().is_empty() {
        // An empty receipt says that the other side has nothing, and that was not found out.
        context.console.say("hint: no receipt was written, because nothing could be read");
        return Ok(code);
    }
    if code != 0 {
        context.console.say("hint: what is not in the receipt will be carried again; nothing else is wrong with it");
    }
    if code == 0 && receipt.images().is_empty() {
        let code = context.nothing("there is no image in what the receipt is of", args.emptiness);
        if code != 0 {
            return Ok(code);
        }
    }
    context.out.document(&receipt.render());
    if !context.global.quiet {
        let size = receipt.blobs().iter().filter_map(|blob| blob.size).sum();
        let (images, blobs) = (receipt.images().len() as u64, receipt.blobs().len() as u64);
        context.console.say(&format!("{}, {}, {}", number(images, "image"), number(blobs, "blob"), bytes(size)));
    }
    Ok(code)
}

/// Runs a pipeline that ends in a recorder instead of a destination.
async fn of_registries(args: &Args, translation: &Translation, context: &Context) -> Result<(Receipt, u8), UsageError> {
    let pipeline = load_translated(translation, Cache::default(), context)?.pipeline;
    let recorder = Arc::new(ReceiptRecorder::default());
    let push = Named::new("receipt", Arc::clone(&recorder) as Arc<dyn Push>);
    let pipeline = pipeline.with_stages(move |stages| stages.pushes = vec![push.clone()]);
    let cancel = CancelHandle::new();
    let stop = tokio::spawn({
        let cancel = cancel.clone();
        async move {
            interrupt::asked().await;
            cancel.stop();
            cancel.stop(); // nothing is written that had to be brought to an end
        }
    });
    let console = context.console.clone();
    let observer = ObserverFn(move |event: &Event| {
        if let Event::Warning { message } = event {
            console.say(&format!("warning: {message}"));
        }
    });
    let settings = RunSettings::default().with_cancel(&cancel).with_observer("warnings", Arc::new(observer));
    let report = engine::run(&pipeline, settings).await;
    stop.abort();
    let failed = failures(&report, context.global.verbose > 0, context.console.colour());
    if !failed.is_empty() {
        context.console.say(failed.trim_start());
    }
    let receipt = recorder.receipt(args.repositories().map(String::as_str));
    Ok((receipt, report.exit_code()))
}

/// Begins a pipeline that reads registries.
fn begin(args: &Args) -> Result<Translation, UsageError> {
    let mut pipeline = Translation::new("receipt");
    if args.emptiness.allow_empty {
        pipeline.table("[run]");
        pipeline.emptiness(args.emptiness);
    }
    let names = args.of.iter().filter(|name| !is_directory(name)).map(|name| name.trim_end_matches("/*"));
    let names = names.map(|name| if name.contains('/') { name.to_owned() } else { format!("{name}/all") });
    let names: Vec<String> = names.collect();
    args.registries.write(&mut pipeline, names.iter().map(String::as_str))?;
    pipeline.table("[list]");
    Ok(pipeline)
}

fn of_repositories(args: &Args) -> Result<Translation, UsageError> {
    let mut pipeline = begin(args)?;
    pipeline.key("use", "registry".into(), "");
    let rule = |from: &String| Value::Table(Table::from_iter([("from".to_owned(), from.as_str().into())]));
    let typed: Vec<&str> = args.repositories().map(String::as_str).collect();
    pipeline.key("images", Value::Array(args.repositories().map(rule).collect()), &typed.join(" "));
    Ok(pipeline)
}

fn of_catalog(args: &Args, place: &str) -> Result<Translation, UsageError> {
    let mut pipeline = begin(args)?;
    pipeline.key("use", "catalog".into(), "");
    pipeline.key("registry", place.into(), place);
    Ok(pipeline)
}
