//! Wrong input ends with exit code 2 before anybody is asked anything.

use crate::{folder, open_sites};

#[test]
fn everything_that_is_wrong_is_said_at_once_and_nothing_is_asked() {
    let Some((from, to)) = open_sites() else { return };
    let (f, t) = (from.host(), to.host());
    let folder = folder();
    folder.write("auth.yaml", &format!("{f}:\n  username: $UNSET_USER\n  passwort: x\n"));
    folder.write(
        "images.yaml",
        &format!("{f}/a/b:v1,v2: {t}/a/b:x\n{f}/A/b: {t}/a/b\n{f}/a/b:/(/: {t}/a/b\n{f}/fine:v1: {t}/fine\n"),
    );
    let ran = folder.run(&["sync", "--auth", "auth.yaml", "--images", "images.yaml", "--strict"]).expect(2);
    for said in ["images.yaml:1", "images.yaml:2", "images.yaml:3", "passwort", "password", "UNSET_USER"] {
        assert!(ran.stderr.contains(said), "{said} is not said:\n{}", ran.stderr);
    }
    assert_eq!((from.requests().total(), to.requests().total()), (0, 0));
}

#[test]
fn usage_errors_name_what_is_expected() {
    let folder = folder();
    folder.write("images.yaml", "q.io/a/b:v1: h.io/a/b\n").write("images.txt", "").write("broken.yaml", "a: [b\n");
    for (arguments, said) in [
        (&["sync"][..], "--images"),
        (&["sync", "--images", "images.txt"], "images.txt"),
        (&["sync", "--images", "gone.yaml"], "gone.yaml"),
        (&["sync", "--images", "broken.yaml"], "broken.yaml"),
        (&["sync", "--images", "images.yaml", "--proc", "many"], "--proc"),
        (&["sync", "--images", "images.yaml", "--retries", "1.5"], "retries"),
        (&["sync", "--images", "images.yaml", "--imagse", "x"], "--images"),
        (&["run", "gone.toml"], "gone.toml"),
        (&["copy", "q.io/A/b", "h.io/a/b"], "q.io/A/b"),
        (&["frobnicate"], "frobnicate"),
    ] {
        let ran = folder.run(arguments).expect(2);
        assert!(ran.stderr.contains(said), "{arguments:?} does not say {said}:\n{}", ran.stderr);
        assert!(ran.stdout.is_empty(), "{arguments:?}: {}", ran.stdout);
    }
}
