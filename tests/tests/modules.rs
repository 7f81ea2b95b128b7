//! The modules of every crate form a graph without cycles: siblings of a module tree do not import each other in a
//! circle, at any level. A child may use its parent and a parent its children; only paths between siblings count.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

type Module = Vec<String>;

/// Imports between the children of one module, by name.
type Siblings = BTreeMap<String, BTreeSet<String>>;

#[test]
fn modules_of_one_level_do_not_import_each_other_in_a_circle() {
    let mut crates = Vec::new();
    find_crates(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")), &mut crates);
    assert!(crates.len() > 15, "only {crates:?} were found");
    let (mut circles, mut imports) = (Vec::new(), 0);
    for src in &crates {
        for (parent, siblings) in levels(&read_modules(src)) {
            imports += siblings.values().map(BTreeSet::len).sum::<usize>();
            if let Some(circle) = circle(&siblings) {
                circles.push(format!("{}: crate::{}: {}", src.display(), parent.join("::"), circle.join(" → ")));
            }
        }
    }
    assert!(imports > 300, "only {imports} imports between siblings were found");
    assert!(circles.is_empty(), "imports in circles:\n{}", circles.join("\n"));
}

#[test]
fn a_circle_is_found_in_every_form_of_import() {
    let modules = |a: &str, b: &str| {
        let of = |name: &str, text: &str| (vec!["up".to_owned(), name.to_owned()], text.to_owned());
        levels(&BTreeMap::from([of("a", a), of("b", b), (vec!["up".to_owned()], String::new())]))
    };
    let is_circle = |a: &str, b: &str| modules(a, b).values().any(|siblings| circle(siblings).is_some());
    assert!(is_circle("use super::b::B;", "use crate::up::{self, a::A};"));
    assert!(is_circle("use super::{c, b::{B, C}};", "fn f() { super::a::f() }"));
    assert!(is_circle("use crate::up::b;", "pub(super) use super::a as other;"));
    assert!(!is_circle("use super::b::B;", "use crate::up;"));
    assert!(!is_circle("use super::b::B;", "// use super::a::A;\nconst TEXT: &str = \"super::a::A\";"));
    assert!(!is_circle("use super::b::B;", "fn f() {}\n#[cfg(test)]\nmod tests { use super::super::a::A; }"));
}

/// Collects the `src` folders of all crates of the workspace.
fn find_crates(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder can be read").flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        if !path.is_dir() || name.starts_with('.') || ["target", "templates", "fuzz", "examples"].contains(&&*name) {
            continue;
        }
        if name == "src" && path.with_file_name("Cargo.toml").exists() {
            found.push(path);
        } else if name != "src" {
            find_crates(&path, found);
        }
    }
}

/// Reads the product code below `src`, by the path of its module.
fn read_modules(src: &Path) -> BTreeMap<Module, String> {
    let mut modules = BTreeMap::new();
    let mut folders = vec![src.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder can be read").flatten() {
            let path = entry.path();
            let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            if stem == "tests" || stem == "test" {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let below = path.strip_prefix(src).expect("it lies below").with_extension("");
                let mut module: Module = below.iter().map(|part| part.to_string_lossy().into_owned()).collect();
                if ["lib", "main", "mod"].contains(&stem.as_str()) {
                    module.pop();
                }
                modules.entry(module).or_insert_with(String::new).push_str(&fs::read_to_string(&path).expect("text"));
            }
        }
    }
    modules
}

/// Returns the imports between siblings, by their parent.
fn levels(modules: &BTreeMap<Module, String>) -> BTreeMap<Module, Siblings> {
    let mut levels = BTreeMap::<Module, Siblings>::new();
    for (module, text) in modules {
        for path in paths(&code(text)) {
            let Some(target) = resolve(module, &path, modules) else { continue };
            let common = module.iter().zip(&target).take_while(|(a, b)| a == b).count();
            if let (Some(from), Some(to)) = (module.get(common), target.get(common)) {
                let siblings = levels.entry(module[..common].to_vec()).or_default();
                siblings.entry(from.clone()).or_default().insert(to.clone());
            }
        }
    }
    levels
}

/// Returns the module that a path leads to, seen from `module`; none if it leads out of the crate.
fn resolve(module: &Module, path: &[String], modules: &BTreeMap<Module, String>) -> Option<Module> {
    let mut at = module.clone();
    let mut rest = path;
    if path.first()? == "crate" {
        (at, rest) = (Module::new(), &path[1..]);
    }
    while let [first, tail @ ..] = rest
        && (first == "super" || first == "self")
    {
        if first == "super" {
            at.pop();
        }
        rest = tail;
    }
    at.extend(rest.iter().cloned());
    while !at.is_empty() && !modules.contains_key(&at) {
        at.pop();
    }
    (!at.is_empty()).then_some(at)
}

/// Removes comments, strings and what is compiled for tests only.
fn code(text: &str) -> String {
    let text = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let mut code = String::new();
    for line in text.lines() {
        let line = line.split("//").next().unwrap_or_default();
        // Every other part of a line lies within quotes; a string over several lines holds no path.
        code.extend(line.replace("\\\"", "").split('"').step_by(2));
        code.push('\n');
    }
    code
}

/// Returns all paths that begin with `crate`, `super` or `self`, from `use` items and from within code.
fn paths(code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for start in ["crate::", "super::", "self::"] {
        for (at, _) in code.match_indices(start) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            let end = code[at..].find(';').map_or(code.len(), |end| at + end);
            expand(&code[at..end], &mut Vec::new(), &mut found);
        }
    }
    found
}

/// Reads one path, or a tree of paths in braces, and returns the text behind it.
fn expand<'a>(text: &'a str, prefix: &mut Vec<String>, found: &mut Vec<Vec<String>>) -> &'a str {
    let depth = prefix.len();
    let mut text = text.trim_start();
    loop {
        let word = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
        if word > 0 {
            prefix.push(text[..word].to_owned());
            text = &text[word..];
        }
        match text.strip_prefix("::") {
            Some(rest) if rest.starts_with('{') => {
                text = &rest[1..];
                loop {
                    text = expand(text, prefix, found).trim_start();
                    if let Some(rest) = text.strip_prefix(" as ").or_else(|| text.strip_prefix("as ")) {
                        let end = rest.find([',', '}']).unwrap_or(rest.len());
                        text = &rest[end..];
                    }
                    match text.strip_prefix(',') {
                        Some(rest) if !rest.trim_start().starts_with('}') => text = rest,
                        Some(rest) => text = rest.trim_start(),
                        None => break,
                    }
                    if text.starts_with('}') {
                        break;
                    }
                }
                text = text.strip_prefix('}').unwrap_or(text);
                break;
            }
            Some(rest) => text = rest,
            None => {
                found.push(prefix.clone());
                break;
            }
        }
    }
    prefix.truncate(depth);
    text
}

/// Returns a circle of imports, if there is one.
fn circle(siblings: &Siblings) -> Option<Vec<String>> {
    fn visit(at: &str, siblings: &Siblings, way: &mut Vec<String>, done: &mut BTreeSet<String>) -> bool {
        if let Some(begin) = way.iter().position(|module| module == at) {
            way.drain(..begin);
            return true;
        }
        if !done.insert(at.to_owned()) {
            return false;
        }
        way.push(at.to_owned());
        let found = siblings.get(at).into_iter().flatten().any(|next| visit(next, siblings, way, done));
        if !found {
            way.pop();
        }
        found
    }
    let mut done = BTreeSet::new();
    siblings.keys().find_map(|start| {
        let mut way = Vec::new();
        visit(start, siblings, &mut way, &mut done).then_some(way)
    })
}
