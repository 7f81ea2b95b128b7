//! `sealift schema`, judged by somebody else.

use std::{fs, path::PathBuf};

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
    assert!(texts.len() > 20);
    for text in texts {
        assert_eq!(wrong(&validator, &text), [""; 0], "{text}");
    }
}

#[test]
fn it_takes_every_pipeline_in_the_docs() {
    let validator = validator();
    let mut taken = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for block in text.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()) {
            assert_eq!(wrong(&validator, block), [""; 0], "{}:\n{block}", page.display());
            taken += 1;
        }
    }
    assert!(taken > 30, "{taken} were found");
}

/// The README and every page below `docs`.
fn pages() -> Vec<PathBuf> {
    let (mut pages, mut folders) = (vec![root().join("README.md")], vec![root().join("docs")]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false if path.extension().is_some_and(|suffix| suffix == "md") => pages.push(path),
                false => {}
            }
        }
    }
    pages
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
        ("several tables where there is one", format!("{list}[[fetch]]\nuse = \"registry\"\n")),
        ("an unknown key of a registry", format!("{list}[registries.\"quay.io\"]\nuser = \"a\"\n")),
        ("a number for a password", format!("{list}[registries.\"quay.io\"]\nusername = \"a\"\npassword = 1\n")),
    ] {
        assert_ne!(wrong(&validator, &text), [""; 0], "the schema takes {what}:\n{text}");
        let checked = sealift(&["check", "-"]).write_stdin(text.clone()).output().unwrap();
        assert_eq!(checked.status.code(), Some(2), "`check` takes {what}:\n{text}");
    }
    for right in [list, &list.replace("[list]", "[[list]]")] {
        assert_eq!(wrong(&validator, right), [""; 0]);
    }
}

#[test]
fn every_field_has_its_text_for_the_editor() {
    let schema: Value = serde_json::from_str(&printed(&["schema"])).unwrap();
    let (mut seen, mut silent) = (0, Vec::new());
    walk("", &schema, &mut |place, field| {
        seen += 1;
        if field["description"].as_str().unwrap_or_default().is_empty() {
            silent.push(place.to_owned());
        }
    });
    assert!(seen > 75, "{seen} fields were found");
    assert_eq!(silent, [""; 0], "these say nothing");
}

/// Shows every field of a schema, wherever it is in it, with its place.
fn walk(place: &str, schema: &Value, field: &mut dyn FnMut(&str, &Value)) {
    match schema {
        Value::Object(keywords) => {
            for (keyword, value) in keywords {
                let place = format!("{place}/{keyword}");
                match (keyword.as_str(), value) {
                    // Values, not schemas.
                    ("examples" | "default" | "const" | "enum", _) => {}
                    ("properties", Value::Object(fields)) => {
                        for (name, of) in fields {
                            let place = format!("{place}/{name}");
                            field(&place, of);
                            walk(&place, of, field);
                        }
                    }
                    _ => walk(&place, value, field),
                }
            }
        }
        Value::Array(schemas) => {
            schemas.iter().enumerate().for_each(|(at, of)| walk(&format!("{place}/{at}"), of, field))
        }
        _ => {}
    }
}
