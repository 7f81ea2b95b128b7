//! `sealift schema`, judged by somebody else.

use std::fs;

use jsonschema::Validator;
use serde_json::Value;

use crate::{printed, root, sealift, topics};

fn validator() -> Validator {
    let schema: Value = serde_json::from_str(&printed(&["schema"])).unwrap();
    jsonschema::meta::validate(&schema).expect("it is a schema itself");
    jsonschema::validator_for(&schema).unwrap()
}

fn as_json(text: &str) -> Value {
    serde_json::to_value(toml::from_str::<toml::Table>(text).unwrap()).unwrap()
}

fn wrong(validator: &Validator, text: &str) -> Vec<String> {
    validator.iter_errors(&as_json(text)).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn it_takes_every_example() {
    let validator = validator();
    let mut texts: Vec<String> = topics().iter().map(|topic| topic["example"].as_str().unwrap().to_owned()).collect();
    texts.push(printed(&["new", "registry/platform,tag,newest,age/oci-dir,harbor"]));
    for entry in fs::read_dir(root().join("examples/pipelines")).unwrap() {
        texts.push(fs::read_to_string(entry.unwrap().path()).unwrap());
    }
    for page in ["README.md", "docs/coming-from-image-syncer.md"] {
        let page = fs::read_to_string(root().join(page)).unwrap();
        texts.extend(page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).map(str::to_owned));
    }
    assert!(texts.len() > 20);
    for text in texts {
        assert_eq!(wrong(&validator, &text), [""; 0], "{text}");
    }
}

#[test]
fn it_refuses_what_check_refuses() {
    let validator = validator();
    let list = "[list]\nuse = \"registry\"\nimages = [{ from = \"nginx:1\", to = [\"h.io/n\"] }]\n";
    for (what, text) in [
        ("no list", "name = \"x\"\n".to_owned()),
        ("an unknown table", format!("{list}[lst]\n")),
        ("an unknown key of a stage", format!("{list}[[filter]]\nuse = \"platform\"\nkep = [\"linux/amd64\"]\n")),
        ("an unknown key in a table inside", list.replace("to =", "too =")),
        ("an unknown kind", list.replace("registry", "regstry")),
        ("no kind", list.replace("use = \"registry\"\n", "")),
        ("a key of another kind", format!("{list}[[push]]\nuse = \"registry\"\npath = \"x\"\n")),
        ("a text for a list", format!("{list}[[filter]]\nuse = \"platform\"\nkeep = \"linux/amd64\"\n")),
        ("a number beyond its bounds", format!("{list}[run]\ntransfers = 0\n")),
        ("a word that is no choice", format!("{list}[run]\nindex = \"rewritten\"\n")),
        ("a missing field", format!("{list}[[push]]\nuse = \"oci-dir\"\n")),
        ("one table where there are several", format!("{list}[push]\nuse = \"registry\"\n")),
        ("several tables where there is one", list.replace("[list]", "[[list]]")),
        ("an unknown key of a registry", format!("{list}[registries.\"quay.io\"]\nuser = \"a\"\n")),
        ("a number for a password", format!("{list}[registries.\"quay.io\"]\nusername = \"a\"\npassword = 1\n")),
    ] {
        assert_ne!(wrong(&validator, &text), [""; 0], "the schema takes {what}:\n{text}");
        let checked = sealift(&["check", "-"]).write_stdin(text.clone()).output().unwrap();
        assert_eq!(checked.status.code(), Some(2), "`check` takes {what}:\n{text}");
    }
    assert_eq!(wrong(&validator, list), [""; 0]);
}

#[test]
fn every_field_has_its_text_for_the_editor() {
    let schema: Value = serde_json::from_str(&printed(&["schema"])).unwrap();
    for (name, of) in schema["$defs"].as_object().unwrap() {
        for (key, field) in of["properties"].as_object().into_iter().flatten() {
            let text = field["description"].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "`{key}` of `{name}` says nothing");
        }
    }
}
