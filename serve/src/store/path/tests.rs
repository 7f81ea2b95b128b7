use super::*;

#[test]
fn names_become_paths() {
    for (name, path) in [
        ("docker.io/library/nginx", Some("docker.io/library/nginx")),
        ("localhost:5000/a/b", Some("localhost_5000/a/b")),
        ("[::1]:5000/a", Some("1__5000/a")),
        ("REG.example.com/a", Some("reg.example.com/a")),
        ("", None),
        ("a//b", None),
    ] {
        assert_eq!(served(name).as_deref(), path, "{name}");
    }
}

#[test]
fn a_registry_is_told_by_its_dot_or_port() {
    for (name, path) in [
        ("docker.io/library/nginx", Some("library/nginx")),
        ("localhost/a", Some("a")),
        ("[::1]:5000/a/b", Some("a/b")),
        ("library/nginx", None),
        ("docker.io", None),
        ("docker.io/", None),
    ] {
        assert_eq!(without_registry(name), path, "{name}");
    }
}

#[test]
fn tags_alone_are_served_under_the_name_of_their_directory() {
    let dir = tempfile::tempdir().unwrap();
    for (name, path) in [("bundle", "bundle"), ("My Stick", "my_stick"), ("日本", "image")] {
        let dir = dir.path().join(name);
        std::fs::create_dir(&dir).unwrap();
        assert_eq!(unnamed(&dir.join(".")), path);
    }
}
