//! `sealift receipt`: what a layout or a registry has, as a file to be carried back.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use sealift_core::{
    diagnostic::Diagnostic,
    engine::{self, Cancel},
    event::{Event, Observer},
    notes::Notes,
    plugin::Purpose,
    spec::Named,
    stage::Push,
};
use sealift_oci_layout::{Layout, Receipt, ReceiptBuilder, Recorder};

use crate::{
    args::{Emptiness, maybe_file},
    display::{bytes, failures, number},
    interrupt,
    session::{Refused, Session, load},
    translate::Translation,
};

/// Write down what a directory or a registry has, for the next delta
///
/// The receipt goes to stdout: `sealift receipt harbor.example.com/library/nginx > receipt.json`. Carried back, it says
/// to the next `sealift stage` what can be left out. Of a registry only manifests are read.
#[derive(Debug, clap::Args)]
#[command(mut_arg("allow_empty", |it| it.help("Warn instead of failing if there is no image in what the receipt is of")))]
pub(crate) struct Args {
    /// Directories, and repositories such as `harbor.example.com/library/nginx`: all their tags, or `…:1.27`, `…:/^v3/`
    #[arg(value_name = "DIR|REPOSITORY", required = true)]
    pub(crate) of: Vec<String>,

    /// Credentials in image-syncer's format; without it Docker's and Podman's, then anonymous
    #[arg(long, value_name = "FILE", value_parser = maybe_file())]
    pub(crate) auth: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) emptiness: Emptiness,
}

impl Args {
    /// Those that name repositories.
    pub(crate) fn repositories(&self) -> impl Iterator<Item = &String> {
        self.of.iter().filter(|text| !is_directory(text))
    }
}

/// Whether a directory is meant: there is one, or it is written as a path.
fn is_directory(text: &str) -> bool {
    Path::new(text).is_dir() || [".", "/", "~"].iter().any(|start| text.starts_with(start))
}

pub(super) async fn execute(args: &Args, session: &Session) -> Result<u8, Refused> {
    let mut builder = ReceiptBuilder::new(args.of.iter().map(String::as_str));
    let mut code = 0;
    for path in args.of.iter().filter(|text| is_directory(text)) {
        let (receipt, gaps) = Receipt::of_layout_with_gaps(&Layout::open(path).await?).await?;
        builder.add_all(&receipt);
        for gap in &gaps {
            code = 1;
            session.show(&[Diagnostic::error(gap.clone())]);
        }
    }
    if args.repositories().next().is_some() {
        let (receipt, exit) = of_registries(args, session).await?;
        builder.add_all(&receipt);
        code = code.max(exit);
    }
    if code == 130 {
        return Ok(code);
    }
    let receipt = builder.finish();
    if code != 0 && receipt.images().is_empty() && receipt.blobs().is_empty() {
        // An empty receipt says that the other side has nothing, and that was not found out.
        session.console.say("hint: no receipt was written, because nothing could be read");
        return Ok(code);
    }
    if code != 0 {
        session.console.say("hint: what is not in the receipt will be carried again; nothing else is wrong with it");
    }
    session.out.text(&receipt.render());
    if code == 0 && receipt.images().is_empty() {
        code = session.nothing("there is no image in what the receipt is of", args.emptiness);
    }
    if !session.global.quiet {
        let size = receipt.blobs().iter().filter_map(|blob| blob.size).sum();
        let (images, blobs) = (receipt.images().len() as u64, receipt.blobs().len() as u64);
        session.console.say(&format!("{}, {}, {}", number(images, "image"), number(blobs, "blob"), bytes(size)));
    }
    Ok(code)
}

/// Runs a pipeline that ends in a recorder instead of a destination.
async fn of_registries(args: &Args, session: &Session) -> Result<(Receipt, u8), Refused> {
    let translation = Translation::try_from(args)?;
    let loaded = load(translation.text(), Translation::FILE, PathBuf::new(), Purpose::Run, Notes::default())
        .map_err(|Refused(diagnostics)| translation.explain(diagnostics))?;
    session.show(&translation.explain(loaded.warnings));
    let recorder = Arc::new(Recorder::default());
    let mut pipeline = loaded.pipeline;
    pipeline.pushes = vec![Named::new("receipt", Arc::clone(&recorder) as Arc<dyn Push>)];
    let cancel = Cancel::new();
    let stop = tokio::spawn({
        let cancel = cancel.clone();
        async move {
            interrupt::asked().await;
            cancel.stop();
            cancel.stop(); // nothing is written that had to be brought to an end
        }
    });
    let console = session.console.clone();
    let observer: Arc<dyn Observer> = Arc::new(move |event: &Event| {
        if let Event::Warning { message } = event {
            console.say(&format!("warning: {message}"));
        }
    });
    let report = engine::run(&pipeline, &cancel, &observer).await;
    stop.abort();
    let failed = failures(&report, session.global.verbose > 0, session.console.colour());
    if !failed.is_empty() {
        session.console.say(failed.trim_start());
    }
    let receipt = recorder.receipt(args.repositories().map(String::as_str));
    if !failed.is_empty() {
        session.console.say(match receipt.images().is_empty() {
            true => "hint: nothing could be read, so no receipt is written",
            false => "hint: what is not in the receipt will be carried again; nothing else is wrong with it",
        });
    }
    Ok((receipt, report.exit_code()))
}
