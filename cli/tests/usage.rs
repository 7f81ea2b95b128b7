//! What is typed wrong is refused with exit code 2, before any traffic, in words that help; and the help itself.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
};

use assert_cmd::Command;

fn sealift(words: &[&str]) -> Command {
    let mut command = assert_cmd::cargo::cargo_bin_cmd!("sealift");
    command.args(words).env_remove("NO_COLOR").env("COLUMNS", "100");
    command
}

/// Exit code, stdout, stderr.
fn outcome(words: &[&str]) -> (i32, String, String) {
    let output = sealift(words).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn refused(words: &[&str]) -> String {
    let (code, stdout, stderr) = outcome(words);
    assert_eq!((code, stdout.as_str()), (2, ""), "{words:?}: {stderr}");
    stderr
}

#[test]
fn help_is_what_users_read_first() {
    let verbs = [
        "run",
        "plan",
        "check",
        "sync",
        "copy",
        "stage",
        "verify",
        "ls",
        "load",
        "receipt",
        "serve",
        "plugins",
        "explain",
        "schema",
        "new",
        "convert",
        "completions",
        "man",
        "docs",
        "demo",
    ];
    for verb in verbs.map(Some).into_iter().chain([None]) {
        let words: Vec<_> = verb.into_iter().chain(["--help"]).collect();
        let (code, stdout, _) = outcome(&words);
        assert_eq!(code, 0);
        insta::assert_snapshot!(format!("help_{}", verb.unwrap_or("sealift")), stdout);
    }
}

#[test]
fn sync_without_rules_names_both_flags_that_bring_some() {
    insta::assert_snapshot!(refused(&["sync"]));
    insta::assert_snapshot!(refused(&["sync", "--auth", "auth.yaml"]));
}

#[test]
fn numbers_that_make_no_sense_are_refused() {
    for (words, expected) in [
        (["--proc", "0"], "at least 1"),
        (["--proc", "-3"], "at least 1"),
        (["--retries", "-1"], "at least 0"),
        (["-r", "1.5"], "at least 0"),
    ] {
        let stderr = refused(&[&["stage", "a:1", "--to", "x"], &words[..]].concat());
        assert!(stderr.contains(expected) && stderr.contains(words[1]), "{words:?}: {stderr}");
    }
    for words in [["-p", "many"], ["-r", "1.5"]] {
        let stderr = refused(&[&["sync", "--images", "x.yaml"], &words[..]].concat());
        assert!(stderr.contains("expected a whole number") && stderr.contains(words[1]), "{words:?}: {stderr}");
    }
}

/// The pipeline that the words of `sync` stand for, and what is said.
fn pipeline(words: &[&str]) -> (String, String) {
    let (code, stdout, stderr) =
        outcome(&[&["sync", "--images", "no/such.yaml"], words, &["--print-pipeline"]].concat());
    assert_eq!(code, 0, "{words:?}: {stderr}");
    (stdout, stderr)
}

// Command lines that image-syncer takes, and its documentation shows, were refused.
#[test]
fn sync_takes_flags_as_image_syncer_does() {
    for (words, has) in [
        (&["--auth=a.yaml", "--auth=b.yaml"][..], "file = \"b.yaml\""),
        (&["--retries=3", "--retries=0"], "retries = 0"),
        (&["--retries", "-1"], "retries = 0"),
        (&["--retries", "99999"], "retries = 100"),
        (&["-p6"], "transfers = 6"),
        (&["-p=7"], "transfers = 7"),
        (&["--proc", "0x10"], "transfers = 16"),
        (&["--proc=1"], "requests = 1"),
        (&["--force=true"], "force = true"),
        (&["--force", "--force"], "force = true"),
        (&["--force=1"], "force = true"),
        (&["--os", "linux", "--os=windows,", "--os="], "os = [\"linux\", \"windows\"]"),
        (&["--arch", "amd64", "--os", ""], "attestations = \"drop\""),
        (&["--output-images-format", "YML"], "dialect = \"image-syncer\""),
        (&["--registry=h.io", "--namespace=team"], "empty_to = \"h.io/team\""),
    ] {
        let (text, said) = pipeline(words);
        assert!(text.contains(has), "{words:?}: {text}");
        assert_eq!(said, "", "{words:?}");
    }
    for (words, lacks) in [
        (&["--proc", "0"][..], "transfers"),
        (&["--proc", "-1"], "transfers"),
        (&["--force=false"], "force"),
        (&["--force", "--force=0"], "force"),
        (&["--registry=", "--namespace="], "empty_to"),
        (&["--strict"], "dialect"),
        (&["--strict", "--os=linux"], "attestations"),
    ] {
        let (text, said) = pipeline(words);
        assert!(!text.contains(lacks), "{words:?}: {text}");
        assert_eq!(said, "", "{words:?}");
    }
}

#[test]
fn sync_says_what_it_passes_over() {
    for (words, has, says) in [
        (&["--force", "true"][..], "force = true", "`true` belongs to no flag"),
        (&["--records=r.json"], "[list]", "`--records` is not used"),
        (&["--arch=x86_64"], "arch = [\"amd64\"]", "images do not use the name `x86_64`"),
        (&["--os", "--arch", "arm64"], "[list]", "`--arch` is no value for `--os`"),
        (&["--output-images-format=xml"], "[list]", "`--output-images-format` takes `yaml` and `json`"),
    ] {
        let (text, said) = pipeline(words);
        assert!(text.contains(has) && said.contains(says), "{words:?}: {text}{said}");
    }
    let stderr = refused(&["sync", "--images", "x.yaml", "--namespace", "team"]);
    assert!(stderr.contains("`--namespace` says nothing without `--registry`"), "{stderr}");
}

#[test]
fn sync_reads_the_old_file_where_none_is_named() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("image-syncer.json"), "{}").unwrap();
    let output = sealift(&["sync", "--print-pipeline"]).current_dir(&dir).output().unwrap();
    assert!(String::from_utf8(output.stdout).unwrap().contains("rules = \"image-syncer.json\""));
}

#[test]
fn unknown_words_are_refused() {
    for words in [
        &["snyc"][..],
        &["sync", "--image", "x.yaml"],
        &["copy", "a:1", "h.io/a", "--force=maybe"],
        &["sync", "--images", "x.yaml", "--force=maybe"],
        &["sync", "--images"],
        &["copy", "quay.io/a/b:1"],
        &["run"],
        &["check"],
        &[],
    ] {
        assert!(!refused(words).is_empty(), "{words:?}");
    }
}

#[test]
fn a_pipeline_that_cannot_be_read_is_refused() {
    let stderr = refused(&["run", "no/such/mirror.toml"]);
    assert_eq!(stderr, "error: cannot read `no/such/mirror.toml`: no such file or directory\n");
    let stderr = refused(&["plan", "images.yaml"]);
    assert!(stderr.contains("hint: a pipeline is TOML"), "{stderr}");
}

#[test]
fn a_bad_reference_is_refused_with_the_word_that_was_typed() {
    insta::assert_snapshot!(refused(&["copy", "quay.io/Coreos/etcd:v3", "h.io/etcd"]));
    insta::assert_snapshot!(refused(&["copy", "--all-tags", "quay.io/coreos/etcd:v3", "h.io/etcd"]));
}

#[test]
fn a_log_file_that_cannot_be_written_is_refused() {
    let stderr = refused(&["copy", "a:1", "h.io/a", "--log", "no/such/dir/log"]);
    assert!(stderr.contains("no/such/dir/log") && stderr.contains("--log"), "{stderr}");
    // Under `sync` it costs the log only.
    let (_, said) = pipeline(&["--log", "no/such/dir/log"]);
    assert!(said.starts_with("warning: cannot write to `no/such/dir/log`"), "{said}");
}

#[test]
fn programs_get_what_is_wrong_as_objects() {
    let (code, stdout, _) = outcome(&["run", "--json", "no.toml"]);
    assert_eq!(code, 2);
    let object: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((&object["event"], &object["severity"]), (&"diagnostic".into(), &"error".into()));
}

#[test]
fn print_pipeline_prints_and_does_nothing() {
    let (code, stdout, stderr) = outcome(&["sync", "--images", "no/such.yaml", "--print-pipeline"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(stdout.contains("rules = \"no/such.yaml\""), "{stdout}");
}

#[cfg(unix)]
#[test]
fn a_link_named_image_syncer_is_sealift_sync() {
    let dir = tempfile::tempdir().unwrap();
    let link = dir.path().join("image-syncer");
    std::os::unix::fs::symlink(assert_cmd::cargo::cargo_bin!("sealift"), &link).unwrap();
    let output = Command::new(&link).args(["--images", "x.yaml", "--print-pipeline"]).output().unwrap();
    assert!(String::from_utf8(output.stdout).unwrap().contains("name = \"sync\""));
    assert_eq!(output.status.code(), Some(0));
    // It speaks of itself by the name that it was called by.
    let said = |words: &[&str]| {
        let output = Command::new(&link).args(words).output().unwrap();
        (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    let (code, text) = said(&["-h"]);
    assert!(code == Some(0) && text.contains("Usage: image-syncer [OPTIONS]") && !text.contains("image-syncer sync"));
    let (code, text) = said(&["sync", "--images=x.yaml", "--print-pipeline"]);
    assert!(code == Some(0) && text.contains("name = \"sync\""), "{text}");
    assert!(said(&["--version"]).1.starts_with("sealift "));
    let (code, text) = said(&["--imagse=x.yaml"]);
    assert!(code == Some(2) && text.contains("hint: run `image-syncer --help`"), "{text}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    use std::process::{Command, Stdio};
    let mut child = Command::new(assert_cmd::cargo::cargo_bin!("sealift"))
        .args(["sync", "--images", "x.yaml", "--print-pipeline"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[test]
fn who_reads_objects_reads_what_is_typed_wrong_as_one() {
    for words in [&["run", "--json", "--bogus"][..], &["--json", "copyy"], &["sync", "--retries", "x", "--json"]] {
        let (code, stdout, stderr) = outcome(words);
        assert_eq!(code, 2, "{words:?}");
        let told: serde_json::Value = serde_json::from_str(&stdout).unwrap_or_else(|why| panic!("{why}: {stdout}"));
        assert_eq!((&told["event"], &told["severity"]), (&"diagnostic".into(), &"error".into()), "{words:?}");
        assert!(stderr.contains(told["message"].as_str().unwrap()), "{stderr}");
    }
    assert_eq!(outcome(&["copy", "a/b", "--", "--json"]).1, "", "what stands behind `--` is no flag");
}

/// An address with a login, as it is written by mistake.
const WITH_LOGIN: [&str; 3] =
    ["bob:CANARYpw@h.example/a:v1", "https://bob:CAN/ARYpw@h.example:5000/a", "bob:CAN@ARYpw@localhost/a/b:v1"];

/// Starts what answers every request with 404, and returns its address. It ends with the process.
fn without_images() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
    });
    address
}

/// Runs the program in a directory without a network, and returns everything that it said and wrote.
fn all_said(dir: &std::path::Path, words: &[&str]) -> String {
    let mut command = sealift(words);
    command.current_dir(dir).env("HOME", dir).env("HTTPS_PROXY", "http://127.0.0.1:9");
    command.timeout(std::time::Duration::from_secs(60));
    let output = command.output().unwrap();
    let mut said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    for name in ["report.json", "log"] {
        said += &std::fs::read_to_string(dir.join(name)).unwrap_or_default();
    }
    said
}

#[test]
fn a_login_in_an_address_is_refused_and_not_repeated() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| std::fs::write(dir.path().join(name), text).unwrap();
    let push = "[[push]]\nuse = \"registry\"\n";
    let registry = without_images();
    for address in WITH_LOGIN {
        let host = address.rsplit_once("/a").unwrap().0;
        write("rules.yaml", format!("{address:?}: d.example/a\n"));
        write("to.yaml", format!("d.example/a: [{address:?}]\n"));
        write("auth.yaml", format!("{host:?}: {{username: u, password: p}}\n"));
        write("fine.yaml", format!("{registry}/a: {registry}/b\n"));
        write("list.txt", format!("{address}\n"));
        write("k.yaml", format!("kind: Pod\nspec: {{containers: [{{image: {address:?}}}]}}\n"));
        write("compose.yaml", format!("services: {{a: {{image: {address:?}}}}}\n"));
        let list = "[list]\nuse = \"registry\"\nimages = [{ from = ";
        write("from.toml", format!("{list}{address:?} }}]\n[[push]]\nuse = \"oci-dir\"\npath = \"x\"\n"));
        write("to.toml", format!("{list}\"a/b:v\", to = [{address:?}] }}]\n"));
        write("prefix.toml", format!("{list}\"a/b:v\" }}]\n{push}prefix = {host:?}\n"));
        write("host.toml", format!("{list}\"a/b:v\" }}]\n[registries.{host:?}]\ninsecure = true\n"));
        write("catalog.toml", format!("[list]\nuse = \"catalog\"\nregistry = {host:?}\n{push}prefix = \"h.io/x\"\n"));
        write("k.toml", format!("[list]\nuse = \"kubernetes\"\nfiles = [\"k.yaml\"]\n{push}prefix = \"h.io/x\"\n"));
        write("compose.toml", format!("[list]\nuse = \"compose\"\nfiles = [\"compose.yaml\"]\n{push}"));
        let commands: [&[&str]; 20] = [
            &["copy", address, "d.example/a:v1"],
            &["copy", "127.0.0.1:1/a:v1", address],
            &["copy", "127.0.0.1:1/a:v1", address, "--print-pipeline"],
            &["stage", address, "--to", "d"],
            &["stage", "--file", "list.txt", "--to", "d"],
            &["load", ".", "--to", address],
            &["load", ".", "--to", host, "--print-pipeline"],
            &["receipt", address],
            &["receipt", host],
            &["sync", "--images", "rules.yaml"],
            &["sync", "--images", "to.yaml"],
            &["sync", "--images", "fine.yaml", "--auth", "auth.yaml"],
            &["convert", "--images", "to.yaml"],
            &["check", "from.toml"],
            &["check", "to.toml"],
            &["plan", "prefix.toml"],
            &["run", "host.toml"],
            &["check", "catalog.toml"],
            &["check", "k.toml"],
            &["check", "compose.toml"],
        ];
        for words in commands {
            for extra in [&[][..], &["--json"], &["-vvv", "--log", "log"]] {
                let said = all_said(dir.path(), &[words, extra].concat());
                assert!(!["CAN", "ARYpw"].iter().any(|part| said.contains(part)), "{words:?} {extra:?}: {said}");
            }
        }
        let report = all_said(dir.path(), &["sync", "--images", "rules.yaml", "--report", "report.json"]);
        assert!(!report.contains("ARYpw"), "{report}");
        let refused = all_said(dir.path(), &["copy", "a:v1", address]);
        assert!(refused.contains("there is a login in the address"), "{refused}");
        all_said(dir.path(), &[address]).contains("ARYpw").then(|| panic!("a verb is repeated"));
    }
}

// It is set for another program, and made this one panic.
#[test]
fn the_number_of_threads_of_other_programs_is_overlooked() {
    for value in ["0", "x", "-1", ""] {
        let output = sealift(&["verify", "no-such-directory"]).env("TOKIO_WORKER_THREADS", value).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{value}: {output:?}");
    }
}
