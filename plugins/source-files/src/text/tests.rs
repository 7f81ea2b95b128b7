use std::{path::Path, sync::Arc};

use proptest::prelude::*;

use super::*;

fn found(text: &str) -> (Vec<String>, Vec<String>) {
    let input = Input { name: "images.txt".into(), text: text.to_owned(), directory: ".".into(), named: true };
    let (mut mentions, mut errors) = (Vec::new(), Vec::new());
    read(&input, &Excluded::default(), &mut mentions, &mut errors);
    let line = |mention: &Mention| format!("{} {}:{}", mention.image, mention.place.line, mention.place.column);
    (mentions.iter().map(line).collect(), errors.iter().map(ToString::to_string).collect())
}

#[test]
fn comments_and_empty_lines_do_not_count() {
    let text = "# ours\r\n\r\n  quay.io/a/b:1 # why\r\nnginx\t# also\n   \n#nginx:2\nquay.io/c/d:3#";
    let (mentions, errors) = found(text);
    assert_eq!(mentions, ["quay.io/a/b:1 3:3", "docker.io/library/nginx:latest 4:1"]);
    assert_eq!(errors.len(), 1, "a `#` inside a word begins no comment: {errors:?}");
}

#[test]
fn everything_that_is_wrong_is_said_with_its_place() {
    let (mentions, errors) = found("quay.io/A/b:1\nnginx:1\n\tnginx:1 -> h.io/nginx:1\nü/b:-\n");
    assert_eq!(mentions, ["docker.io/library/nginx:1 2:1"]);
    assert_eq!(
        errors,
        [
            "images.txt:1:1: `A/b` is not a repository path: lower-case letters, digits and single separators `.` `_` `-` only",
            "images.txt:3:2: there is more than one word in this line, expected one reference",
            "images.txt:4:1: `ü/b` is not a repository path: lower-case letters, digits and single separators `.` `_` `-` only",
        ]
    );
}

type Built = Result<Box<dyn List>, Vec<String>>;

/// The list or what is wrong, and the warnings.
fn build(base: &Path, files: &[&str]) -> (Built, Vec<String>) {
    let cx = BuildContext::new(Arc::new(|_| None), base, sealift_core::plugin::Purpose::Check);
    let files = files.iter().map(|file| (*file).to_owned()).collect();
    let built = Text { files, exclude: vec!["left.io/*".to_owned()] }.build(&cx).map_err(|error| {
        let line = |problem: &sealift_core::plugin::Problem| {
            format!("{}: {}", problem.key.as_deref().unwrap_or_default(), problem.diagnostic)
        };
        error.into_problems().iter().map(line).collect()
    });
    (built, cx.take_warnings().iter().map(|problem| problem.diagnostic.to_string()).collect())
}

#[test]
fn files_that_cannot_be_read_are_named_by_their_keys() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("latin.txt"), b"\xfcber:1").unwrap();
    let (built, _) = build(directory.path(), &["none.txt", "latin.txt", ".", "none.txt"]);
    assert_eq!(
        built.err().unwrap(),
        [
            "files[0]: cannot read `none.txt`: no such file or directory",
            "files[1]: cannot read `latin.txt`: it is not text in UTF-8",
            "files[2]: cannot read `.`: it is a directory, and this list reads files",
            "files[3]: `none.txt` is there twice",
        ]
    );
    assert_eq!(build(directory.path(), &[]).0.err().unwrap(), ["files: `files` names no file"]);
}

#[test]
fn a_file_without_images_is_worth_a_warning() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("empty.txt"), "\u{feff}# nothing yet\n").unwrap();
    let (built, warnings) = build(directory.path(), &["empty.txt"]);
    assert!(built.is_ok());
    assert_eq!(warnings, ["`empty.txt` names no image"]);
}

// 30 errors about lines said nothing of the kind of the file.
#[test]
fn a_file_of_another_kind_is_one_error() {
    let directory = tempfile::tempdir().unwrap();
    let pod = "kind: Pod\nspec:\n  containers:\n    - image: nginx:1\n";
    std::fs::write(directory.path().join("pod.yaml"), pod).unwrap();
    std::fs::write(directory.path().join("bad.txt"), "quay.io/A/b:1\n").unwrap();
    let errors = build(directory.path(), &["bad.txt", "pod.yaml"]).0.err().unwrap();
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert_eq!(
        errors[1],
        ": pod.yaml:1:1: these are manifests of Kubernetes, and lines with one image each are expected"
    );
}

#[test]
fn names_can_be_left_out() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("a.txt"), "left.io/a:1\nleft.io/B\n").unwrap();
    let (built, warnings) = build(directory.path(), &["a.txt"]);
    assert!(built.is_ok() && warnings.is_empty(), "{warnings:?}");
}

#[test]
fn a_digest_alone_names_no_image() {
    let digest = format!("sha256:{}", "a".repeat(64));
    let (mentions, errors) = found(&digest);
    assert!(mentions.is_empty());
    assert_eq!(errors, [format!("images.txt:1:1: `{digest}` is a digest alone, and an image needs its repository")]);
}

#[test]
fn checking_does_not_wait_for_standard_input() {
    let (built, warnings) = build(Path::new("."), &["-"]);
    assert!(built.is_ok() && warnings.is_empty());
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "([a-z:./@# \t\r\nü]|\\PC){0,60}") {
        found(&text);
    }
}
