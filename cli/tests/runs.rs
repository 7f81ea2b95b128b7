//! The binary moves images between two registries: what it writes where, and its exit codes.

use std::{path::Path, process::Output};

use assert_cmd::Command;
use sealift_oci_layout::{Writer, WriterOptions};
use sealift_serve::{ServeOptions, Server, sample::assortment};
#[cfg(unix)]
use sealift_testkit::fault::{Act, Fault, FaultRegistry};
use serde_json::Value;
use tempfile::TempDir;

/// Two registries, one with samples and one without anything, and a directory to work in.
struct Bench {
    source: Server,
    destination: Server,
    dir: TempDir,
    // The servers' directories.
    _dirs: [TempDir; 2],
}

impl Bench {
    async fn new() -> Self {
        let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let writer = Writer::create(dirs[0].path(), WriterOptions::default()).await.unwrap();
        for sample in assortment() {
            sample.write(&writer).await.unwrap();
        }
        writer.commit().await.unwrap();
        drop(writer);
        let source = Server::start(ServeOptions::new(dirs[0].path()).record()).await.unwrap();
        let options = ServeOptions::new(dirs[1].path()).writable().throwaway().record();
        let destination = Server::start(options).await.unwrap();
        Self { source, destination, dir: tempfile::tempdir().unwrap(), _dirs: dirs }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file; `SRC` and `DST` in it become the registries.
    fn file(&self, name: &str, text: &str) -> &Self {
        std::fs::write(self.path(name), self.named(text)).unwrap();
        self
    }

    fn named(&self, text: &str) -> String {
        text.replace("SRC", &self.source.host()).replace("DST", &self.destination.host())
    }

    /// Runs the binary in the directory, away from the settings of whoever runs the test.
    async fn sealift(&self, words: &[&str]) -> Outcome {
        let words: Vec<_> = words.iter().map(|word| self.named(word)).collect();
        let home = self.dir.path().to_owned();
        let output = tokio::task::spawn_blocking(move || command(&home).args(words).output().unwrap()).await.unwrap();
        output.into()
    }
}

fn command(dir: &Path) -> Command {
    let mut command = assert_cmd::cargo::cargo_bin_cmd!("sealift");
    command.current_dir(dir).env("HOME", dir).env_remove("DOCKER_CONFIG").env_remove("XDG_RUNTIME_DIR");
    command.timeout(std::time::Duration::from_secs(60));
    command
}

struct Outcome {
    code: i32,
    stdout: String,
    stderr: String,
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Outcome {
    fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        for text in [&self.stdout, &self.stderr] {
            assert!(!text.chars().any(|letter| letter.is_control() && letter != '\n'), "{text:?}");
        }
        self
    }

    fn events(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

const RULES: &str =
    "SRC/demo/web: DST/mirror/web\nSRC/demo/api:2.0,2.1: [DST/mirror/api, \"DST/second/api:old,new\"]\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sync_copies_what_the_rules_say_and_a_rerun_moves_nothing() {
    let bench = Bench::new().await;
    bench.file("images.yaml", RULES);
    let first = bench.sealift(&["sync", "--images", "images.yaml"]).await.expect(0);
    assert_eq!(first.stdout, "", "stdout is data, and there is none");
    assert!(first.stderr.contains("sync: 7 copied in"), "{}", first.stderr);

    bench.destination.reset();
    let second = bench.sealift(&["sync", "--images", "images.yaml"]).await.expect(0);
    assert!(second.stderr.starts_with("sync: 7 up to date in"), "{}", second.stderr);
    assert_eq!(bench.destination.requests().iter().filter(|request| request.method != "HEAD").count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_printed_pipeline_does_the_same() {
    let bench = Bench::new().await;
    bench.file("images.yaml", RULES);
    let flags = ["sync", "--images", "images.yaml", "--arch", "amd64", "--print-pipeline"];
    let printed = bench.sealift(&flags).await.expect(0);
    bench.file("sync.toml", &printed.stdout);
    bench.sealift(&["check", "sync.toml"]).await.expect(0);
    let run = bench.sealift(&["run", "sync.toml"]).await.expect(0);
    assert!(run.stderr.contains("7 copied"), "{}", run.stderr);
    let sync = bench.sealift(&flags[..flags.len() - 1]).await.expect(0);
    assert!(sync.stderr.starts_with("sync: 7 up to date in"), "{}", sync.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_tells_every_image_and_writes_nothing() {
    let bench = Bench::new().await;
    bench.sealift(&["copy", "SRC/demo/web:1.0", "DST/web"]).await.expect(0);
    bench.destination.reset();
    let plan = bench.sealift(&["copy", "--all-tags", "SRC/demo/web", "DST/web", "--plan"]).await.expect(0);
    assert!(plan.stdout.contains(&bench.named("skip SRC/demo/web:1.0 → DST/web:1.0: it is there already")));
    assert!(plan.stdout.contains(&bench.named("copy SRC/demo/web:1.1\n  sha256:")), "{}", plan.stdout);
    assert!(plan.stdout.contains("linux/amd64, linux/arm64"), "{}", plan.stdout);
    assert!(plan.stdout.ends_with("; nothing was written\n"), "{}", plan.stdout);
    let written = bench.destination.requests().iter().filter(|r| !matches!(&*r.method, "GET" | "HEAD")).count();
    assert_eq!(written, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_is_told_with_its_cause_and_the_rest_goes_on() {
    let bench = Bench::new().await;
    bench.file("images.yaml", "SRC/demo/web:9.9: DST/web\nSRC/demo/worker:2026-11: DST/worker\n");
    let run = bench.sealift(&["sync", "--images", "images.yaml", "--retries", "0"]).await.expect(1);
    assert!(run.stderr.contains("1 copied, 1 failed"), "{}", run.stderr);
    assert!(run.stderr.contains(&bench.named("failed: SRC/demo/web:9.9 → DST/web:9.9\n  ")), "{}", run.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn programs_read_one_object_a_line_and_the_report_last() {
    let bench = Bench::new().await;
    let copy = bench.sealift(&["copy", "SRC/demo/api:2.0", "DST/api", "--platform", "linux/arm64", "--json"]).await;
    let copy = copy.expect(0);
    assert_eq!(copy.stderr, "");
    let events = copy.events();
    assert_eq!(events[0]["event"], "run_started");
    let report = events.last().unwrap();
    assert_eq!((&report["event"], &report["exit_code"]), (&"report".into(), &0.into()));
    assert_eq!((&report["copied"], &report["rewritten"]), (&1.into(), &1.into()));
    let finished = events.iter().find(|event| event["event"] == "target_finished").unwrap();
    assert_ne!(finished["digest"], finished["changed_from"]);
    let sent: u64 = events
        .iter()
        .filter_map(|event| event["event"].as_str()?.eq("transfer_finished").then(|| event["bytes"].as_u64()).flatten())
        .sum();
    assert_eq!(report["moved"]["bytes"].as_u64(), Some(sent), "the counters tell what went over the wire");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quiet_run_says_nothing_unless_something_fails() {
    let bench = Bench::new().await;
    let copy = bench.sealift(&["copy", "SRC/demo/worker:2026-11", "DST/worker", "--quiet"]).await.expect(0);
    assert_eq!((copy.stdout.as_str(), copy.stderr.as_str()), ("", ""));
    let failed = bench.sealift(&["copy", "SRC/demo/worker:none", "DST/worker", "--quiet"]).await.expect(1);
    assert!(
        failed.stderr.starts_with("copy: 1 failed in") && failed.stderr.contains("does not exist"),
        "{}",
        failed.stderr
    );
    let json = bench.sealift(&["copy", "SRC/demo/worker:2026-11", "DST/worker", "--quiet", "--json"]).await.expect(0);
    assert_eq!(json.events().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_there_is_listed_in_a_file() {
    let bench = Bench::new().await;
    bench.file("images.yaml", RULES);
    let flags =
        ["sync", "--images", "images.yaml", "--output-success-images", "there.json", "--output-images-format", "json"];
    bench.sealift(&flags).await.expect(0);
    let first = std::fs::read_to_string(bench.path("there.json")).unwrap();
    bench.sealift(&flags).await.expect(0);
    let again = std::fs::read_to_string(bench.path("there.json")).unwrap();
    let [first, again] = [first, again].map(|text| serde_json::from_str::<Value>(&text).unwrap());
    assert_eq!(first[bench.named("SRC/demo/api:2.1")].as_array().unwrap().len(), 2);
    assert_eq!(first, again, "what was there already is there too");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_log_file_stderr_keeps_the_summary_only() {
    let bench = Bench::new().await;
    let words = ["copy", "SRC/demo/worker:2026-11", "DST/worker", "--log", "run.log"];
    let copy = bench.sealift(&words).await.expect(0);
    assert!(copy.stderr.starts_with("copy: 1 copied in"), "{}", copy.stderr);
    let log = std::fs::read_to_string(bench.path("run.log")).unwrap();
    assert!(log.contains("copied") && log.contains("demo/worker:2026-11") && !log.contains('\x1b'), "{log}");
}

// Seen before: the file was empty after a night in which all was up to date, and had no causes after a bad one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_file_has_start_end_summary_and_causes_of_each_run() {
    let bench = Bench::new().await;
    for (image, quiet, summary) in [
        ("SRC/demo/worker:2026-11", "", "copy: 1 copied in"),
        ("SRC/demo/worker:2026-11", "--quiet", "copy: 1 up to date in"),
        ("SRC/demo/worker:2026-11", "--json", "copy: 1 up to date in"),
        ("SRC/demo/worker:none", "--quiet", "copy: 1 failed in"),
    ] {
        let mut words = vec!["copy", image, "DST/worker", "--log", "run.log"];
        words.extend(Some(quiet).filter(|flag| !flag.is_empty()));
        bench.sealift(&words).await;
        let log = std::fs::read_to_string(bench.path("run.log")).unwrap();
        std::fs::remove_file(bench.path("run.log")).unwrap();
        let lines: Vec<_> = log.lines().collect();
        assert!(lines[0].contains("running    copy") && lines[0].starts_with("20"), "{quiet}: {log}");
        assert!(lines.iter().any(|line| line.contains(summary)), "{quiet}: {log}");
        assert_eq!(log.contains("hint: did you mean") || log.contains("hint:"), summary.contains("failed"), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_carry_the_time_where_no_terminal_is() {
    let bench = Bench::new().await;
    let copy = bench.sealift(&["copy", "SRC/demo/worker:2026-11", "DST/worker"]).await.expect(0);
    let line = copy.stderr.lines().find(|line| line.contains("copied     ")).unwrap();
    let (time, rest) = line.split_once(' ').unwrap();
    assert!(time.parse::<jiff::Timestamp>().is_ok() && rest.starts_with("copied"), "{line}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_hears_how_far_a_long_run_is() {
    let bench = Bench::new().await;
    let source = FaultRegistry::before(bench.source.addr()).await;
    source.will(Fault::on("GET", "/blobs/").act(Act::Stall { after: 0 }));
    let words = ["copy", &format!("{}/demo/api", source.host()), "DST/api", "--all-tags", "--json"];
    let words: Vec<String> = words.iter().map(|word| bench.named(word)).collect();
    let dir = bench.dir.path().to_owned();
    let progress = tokio::task::spawn_blocking(move || {
        let mut running = Running::start(&dir, &words);
        let progress = running.wait_for("progress");
        running.terminate();
        running.terminate();
        running.child.wait().unwrap();
        progress
    })
    .await
    .unwrap();
    assert_eq!(progress["images"]["listed"], 2);
    assert!(progress["bytes_in_all"].as_u64() > progress["bytes"].as_u64(), "{progress}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mistakes_in_the_files_are_told_with_their_place_before_any_traffic() {
    let bench = Bench::new().await;
    bench.file("images.yaml", "SRC/demo/web:1.0,1.1: DST/web:one\nSRC/demo/Web: DST/web\n");
    let run = bench.sealift(&["sync", "--images", "images.yaml", "--strict"]).await.expect(2);
    assert!(run.stderr.contains("images.yaml:1:") && run.stderr.contains("images.yaml:2:"), "{}", run.stderr);
    let missing = bench.sealift(&["sync", "--images", "nowhere.yaml", "--auth", "auth.txt"]).await.expect(2);
    assert!(missing.stderr.contains("nowhere.yaml") && missing.stderr.contains("auth.txt"), "{}", missing.stderr);
    assert_eq!(bench.source.requests().total() + bench.destination.requests().total(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_shows_both_runs_and_cleans_up() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().to_owned();
    let outcome: Outcome =
        tokio::task::spawn_blocking(move || command(&home).env("TMPDIR", &home).arg("demo").output().unwrap())
            .await
            .unwrap()
            .into();
    let outcome = outcome.expect(0);
    assert!(outcome.stderr.contains("demo: 8 copied in"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("demo: 8 up to date in"), "{}", outcome.stderr);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is left");
}

/// The lines of a process that runs.
#[cfg(unix)]
struct Running {
    child: std::process::Child,
    lines: std::io::Lines<std::io::BufReader<std::process::ChildStdout>>,
}

#[cfg(unix)]
impl Running {
    fn start(dir: &Path, words: &[String]) -> Self {
        use std::{
            io::{BufRead, BufReader},
            process::{Command, Stdio},
        };
        let mut child = Command::new(assert_cmd::cargo::cargo_bin!("sealift"))
            .args(words)
            .current_dir(dir)
            .env("HOME", dir)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Waits for an event.
    fn wait_for(&mut self, event: &str) -> Value {
        self.lines
            .by_ref()
            .map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap())
            .find(|object| object["event"] == event)
            .unwrap_or_else(|| panic!("`{event}` did not come"))
    }

    fn terminate(&self) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_signal_lets_transfers_end_the_second_does_not_and_a_rerun_goes_on() {
    let bench = Bench::new().await;
    let source = FaultRegistry::before(bench.source.addr()).await;
    source.will(Fault::on("GET", "/blobs/").act(Act::Stall { after: 0 }));
    let words: Vec<String> = ["copy", &format!("{}/demo/api", source.host()), "DST/api", "--all-tags", "--json"]
        .iter()
        .map(|word| bench.named(word))
        .collect();
    let dir = bench.dir.path().to_owned();
    let same = words.clone();
    let (report, output) = tokio::task::spawn_blocking(move || {
        let mut running = Running::start(&dir, &same);
        running.wait_for("transfer_started");
        running.terminate();
        running.wait_for("stopping");
        running.terminate();
        let report = running.wait_for("report");
        (report, running.child.wait_with_output().unwrap())
    })
    .await
    .unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert_eq!((&report["interrupted"], &report["exit_code"]), (&true.into(), &130.into()));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("stopping: nothing new begins"), "{said}");
    assert!(said.contains("stopping at once"), "{said}");

    source.assert_all_fired();
    source.heal();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let again = bench.sealift(&words).await.expect(0);
    assert_eq!(again.events().last().unwrap()["copied"], 2);
}
