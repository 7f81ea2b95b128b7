//! The files of a new crate. They are real files under `cli/templates/plugin`, where the plugin is called `my-plugin`.

use sealift_core::plugin::Role;

use super::{crates::Crates, name::PluginName};

/// The parts that differ from role to role.
struct Template {
    lib: &'static str,
    tests: &'static str,
    conformance: &'static str,
    pipeline: &'static str,
    /// Further lines of `[dependencies]`.
    needs: &'static str,
    /// Further lines of `[dev-dependencies]`.
    tests_need: &'static str,
}

macro_rules! template {
    ($role:literal, needs: $needs:expr, tests_need: $tests_need:expr) => {
        Template {
            lib: include_str!(concat!("../../../../templates/plugin/", $role, "/lib.rs")),
            tests: include_str!(concat!("../../../../templates/plugin/", $role, "/tests.rs")),
            conformance: include_str!(concat!("../../../../templates/plugin/", $role, "/conformance.rs")),
            pipeline: include_str!(concat!("../../../../templates/plugin/", $role, "/pipeline.toml")),
            needs: $needs,
            tests_need: $tests_need,
        }
    };
}

const FETCH_NEEDS: &str = "\
futures = { version = \"0.3\", default-features = false, features = [\"std\"] }
tokio = { version = \"1\", features = [\"fs\", \"io-util\"] }
";

const PUSH_NEEDS: &str = "\
tempfile = \"3\"
tokio = { version = \"1\", features = [\"fs\", \"io-util\"] }
";

const OBSERVE_NEEDS: &str = "tokio = { version = \"1\", features = [\"fs\", \"io-util\"] }\n";

const LOGIN_NEEDS: &str = "tokio = { version = \"1\", features = [\"fs\"] }\n";

const FILE_TESTS_NEED: &str = "\
tempfile = \"3\"
tokio = { version = \"1\", features = [\"macros\", \"rt\"] }
";

const TOKIO_FOR_TESTS: &str = "tokio = { version = \"1\", features = [\"macros\", \"rt\"] }\n";

fn of(role: Role) -> Template {
    match role {
        Role::List => template!("list", needs: "", tests_need: ""),
        Role::Filter => template!("filter", needs: "", tests_need: ""),
        Role::Fetch => template!("fetch", needs: FETCH_NEEDS, tests_need: ""),
        Role::Push => template!("push", needs: PUSH_NEEDS, tests_need: TOKIO_FOR_TESTS),
        Role::Observe => template!("observe", needs: OBSERVE_NEEDS, tests_need: FILE_TESTS_NEED),
        Role::Login => template!("login", needs: LOGIN_NEEDS, tests_need: FILE_TESTS_NEED),
        _ => unreachable!("every role has a template"),
    }
}

/// The files, by their paths in the folder of the crate.
pub(super) fn files(role: Role, name: &PluginName, crates: &Crates) -> Vec<(&'static str, String)> {
    let template = of(role);
    let pipeline = template.pipeline.to_owned();
    let manifest = include_str!("../../../../templates/plugin/manifest.toml");
    let files = [
        ("Cargo.toml", manifest.replace("{{dependencies}}", template.needs)),
        ("README.md", include_str!("../../../../templates/plugin/README.md").replace("{{pipeline}}", &pipeline)),
        (".gitignore", include_str!("../../../../templates/plugin/gitignore").to_owned()),
        ("pipeline.toml", pipeline),
        ("src/lib.rs", template.lib.to_owned()),
        ("src/tests.rs", template.tests.to_owned()),
        ("src/main.rs", include_str!("../../../../templates/plugin/main.rs").to_owned()),
        ("tests/conformance.rs", template.conformance.to_owned()),
    ];
    files.map(|(file, text)| (file, filled(&text, role, name, crates, template.tests_need))).into()
}

fn filled(text: &str, role: Role, name: &PluginName, crates: &Crates, tests_need: &str) -> String {
    let mut text = text
        .replace("{{role}}", role.name())
        .replace("{{plugin}}", role.singular())
        .replace("{{plugins}}", role.plural())
        .replace("{{dev-dependencies}}", tests_need)
        .replace("{{rust_version}}", env!("CARGO_PKG_RUST_VERSION"))
        .replace("my_plugin", &name.in_code())
        .replace("my-plugin", name.as_str());
    for needed in ["sealift-core", "sealift-cli", "sealift-plugins", "sealift-conformance"] {
        text = text.replace(&format!("{{{{{needed}}}}}"), &crates.dependency(needed));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(role: Role) -> Vec<(&'static str, String)> {
        files(role, &PluginName::parse(role, "acme-store").unwrap(), &Crates::published())
    }

    #[test]
    fn nothing_of_the_template_is_left() {
        for role in Role::ALL {
            for (file, text) in all(role) {
                for left in ["{{", "}}", "my-plugin", "my_plugin"] {
                    let is_code = left.contains('{') && file.ends_with(".rs");
                    assert!(is_code || !text.contains(left), "{role} {file} has `{left}`:\n{text}");
                }
            }
        }
    }

    #[test]
    fn manifests_are_tables_that_name_all_that_is_needed() {
        for role in Role::ALL {
            let manifest = all(role).into_iter().find(|(file, _)| *file == "Cargo.toml").unwrap().1;
            let table: toml::Table = manifest.parse().unwrap_or_else(|error| panic!("{role}: {error}\n{manifest}"));
            assert_eq!(table["package"]["name"].as_str(), Some("acme-store"));
            assert!(table["dependencies"]["sealift-core"]["version"].is_str());
            assert!(!manifest.contains("\n\n\n"), "{manifest}");
        }
    }

    #[test]
    fn an_observer_is_called_one_and_its_table_is_observe() {
        for (file, text) in all(Role::Observe) {
            for wrong in ["observe `", "every observe", "Sealift observe "] {
                assert!(!text.contains(wrong), "{file} has `{wrong}`:\n{text}");
            }
        }
        let readme = all(Role::Observe).into_iter().find(|(file, _)| *file == "README.md").unwrap().1;
        assert!(readme.starts_with("# The observer `acme-store`\n"), "{readme}");
        assert!(
            readme.contains("the rules of all observers") && readme.contains("explain observe acme-store"),
            "{readme}"
        );
    }

    /// The guide and the template show the same filter.
    #[test]
    fn the_filter_is_that_of_the_examples() {
        let squeezed = |text: &str| text.replace([' ', '\n', '/', ','], "");
        let example = [
            ("src/lib.rs", include_str!("../../../../../examples/custom-filter/src/lib.rs")),
            ("src/tests.rs", include_str!("../../../../../examples/custom-filter/src/tests.rs")),
        ];
        let files = files(Role::Filter, &PluginName::parse(Role::Filter, "suffix").unwrap(), &Crates::published());
        for (file, text) in example {
            let written = &files.iter().find(|(other, _)| *other == file).unwrap().1;
            assert_eq!(squeezed(written), squeezed(text), "{file}");
        }
    }
}
