use super::*;

/// What every node is and where: `line:column+length what`, in the order of the document.
fn places(text: &str, file: &str) -> Vec<String> {
    let document = parse(text, file).unwrap();
    let mut out = Vec::new();
    collect(&document, &document.root, &mut out);
    out
}

fn collect(document: &Document<'_>, node: &DocumentNode, out: &mut Vec<String>) {
    let place = document.place(node);
    let what = document.written(node).unwrap_or(node.value.what());
    out.push(format!("{}:{}+{} {what}", place.line, place.column, place.length));
    match &node.value {
        Value::List(items) => items.iter().for_each(|item| collect(document, item, out)),
        Value::Map(entries) => entries.iter().for_each(|(key, value)| {
            collect(document, key, out);
            collect(document, value, out);
        }),
        _ => {}
    }
}

fn parse<'t>(text: &'t str, file: &str) -> Result<Document<'t>, Vec<Diagnostic>> {
    SourceText::new(text, file).and_then(|text| Document::parse(text, Dialect::Strict))
}

fn error(text: &str, file: &str) -> String {
    match parse(text, file) {
        Ok(_) => panic!("{text:?} was read"),
        Err(errors) => errors[0].to_string(),
    }
}

#[test]
fn block_yaml_tells_places() {
    let text = "# a comment\na/b:v1: c/d\n\nlist: # here\n  - x\n  -   'y z'\nmap:\n  inner:  1.50\n";
    assert_eq!(
        places(text, "f.yaml"),
        [
            "2:1+1 a map", // a map in block style begins with its first key
            "2:1+6 a/b:v1",
            "2:9+3 c/d",
            "4:1+4 list",
            "5:3+1 a list",
            "5:5+1 x",
            "6:7+5 y z",
            "7:1+3 map",
            "8:3+1 a map",
            "8:3+5 inner",
            "8:11+4 1.50",
        ]
    );
}

#[test]
fn flow_yaml_tells_places() {
    let text = "{a: [b, \"c\", ~], 'd''e': {f: true}, \"g\\\"h\": }";
    assert_eq!(
        places(text, "f.yaml"),
        [
            "1:1+1 a map",
            "1:2+1 a",
            "1:5+1 a list",
            "1:6+1 b",
            "1:9+3 c",
            "1:14+1 ~",
            "1:18+6 d'e",
            "1:26+1 a map",
            "1:27+1 f",
            "1:30+4 true",
            "1:37+6 g\"h",
            "1:45+1 ",
        ]
    );
}

#[test]
fn carriage_returns_and_a_byte_order_mark_shift_nothing() {
    for text in ["\u{feff}a: b\r\n\r\nc: d\r\n", "a: b\r\n\r\nc: d"] {
        assert_eq!(places(text, "f.yml"), ["1:1+1 a map", "1:1+1 a", "1:4+1 b", "3:1+1 c", "3:4+1 d"]);
        let document = parse(text, "f.yml").unwrap();
        let Value::Map(entries) = &document.root.value else { panic!() };
        assert_eq!(document.place(&entries[1].0).text, "c: d");
    }
    assert_eq!(places("\u{feff}{\r\n  \"a\": \"b\"\r\n}", "f.json"), ["1:1+1 a map", "2:3+3 a", "2:8+3 b"]);
}

#[test]
fn columns_count_characters() {
    assert_eq!(places("é: ü\nü€: [é, x]", "f.yaml")[3..], ["2:1+2 ü€", "2:5+1 a list", "2:6+1 é", "2:9+1 x"]);
    assert_eq!(places(r#"{"é": "ü", "x": 1}"#, "f.json")[1..], ["1:2+3 é", "1:7+3 ü", "1:12+3 x", "1:17+1 1"]);
}

#[test]
fn texts_over_several_lines_are_shown_by_their_first_one() {
    let text = "a: |\n  one\n  two\nb: one\n  two\nc: \"one\n  two\"\nd: e";
    assert_eq!(
        places(text, "f.yaml")[1..],
        ["1:1+1 a", "1:4+1 one\ntwo\n", "4:1+1 b", "4:4+3 one two", "6:1+1 c", "6:4+4 one two", "8:1+1 d", "8:4+1 e"]
    );
}

#[test]
fn json_tells_places() {
    let text = "{\n  \"a\\u002fb\": [\"x\", 1e3, null,\n\ttrue],\n  \"a/b\" : {}\n}";
    assert_eq!(
        places(text, "f.json"),
        [
            "1:1+1 a map",
            "2:3+10 a/b",
            "2:15+16 a list", // of its first line
            "2:16+3 x",
            "2:21+3 1e3",
            "2:26+4 null",
            "3:2+4 true",
            "4:3+5 a/b",
            "4:11+2 a map",
        ]
    );
}

#[test]
fn json_is_read_alike_by_both() {
    let text = r#"{"a": ["b", 1, null, true, {"c": "\"d\""}], "a": "twice", "": ""}"#;
    let (json, yaml) = (parse(text, "f.json").unwrap(), parse(text, "f.yaml").unwrap());
    assert_eq!(json.root, yaml.root);
    assert_eq!(places(text, "f.json").len(), places(text, "f.yaml").len());
}

#[test]
fn an_alias_is_what_it_stands_for_and_lies_there() {
    let text = "a: &to h.io/x\nb: *to\nc: &l [1]\nd: *l\n";
    assert_eq!(
        places(text, "f.yaml")[1..],
        [
            "1:1+1 a",
            "1:8+6 h.io/x",
            "2:1+1 b",
            "1:8+6 h.io/x",
            "3:1+1 c",
            "3:4+1 a list",
            "3:8+1 1",
            "4:1+1 d",
            "3:4+1 a list",
            "3:8+1 1",
        ]
    );
}

#[test]
fn what_stands_before_the_first_line_is_at_its_start() {
    assert_eq!(places("", "f.yaml"), ["1:1+1 "]);
    assert_eq!(places("x", "f.yaml"), ["1:1+1 x"]);
    assert_eq!(places("--- x\n...\n", "f.yaml"), ["1:5+1 x"]);
}

#[test]
fn mistakes_in_the_syntax_have_a_place() {
    for (text, file, expected) in [
        (
            "a: b\n c: d\n",
            "f.yaml",
            "f.yaml:2:3: this cannot be read as YAML: mapping values are not allowed in this context",
        ),
        (
            "a: [b\nc: d\n",
            "f.yaml",
            "f.yaml:2:2: this cannot be read as YAML: did not find expected ',' or ']', while parsing a flow sequence",
        ),
        ("a: *b\n", "f.yaml", "f.yaml:1:4: this cannot be read as YAML: unknown anchor"),
        (
            "a: 'b\n",
            "f.yaml",
            "f.yaml:2:1: this cannot be read as YAML: found unexpected end of stream, while scanning a quoted scalar",
        ),
        (
            "a: b\n\tc: d\n",
            "f.yaml",
            "f.yaml:2:1: this cannot be read as YAML: found a tab character that violates indentation, while scanning a plain scalar",
        ),
        (
            "a: !x b\n",
            "f.yaml",
            "f.yaml:1:4: this cannot be read as YAML: this value is not what its tag says, or the tag is not known",
        ),
        ("a: b\n---\nc: d\n", "f.yaml", "f.yaml:2:1: this is a second YAML document, and a file may hold one only"),
        ("é: b\nc: \u{7}\n", "f.yaml", "f.yaml:2:4: this cannot be read as YAML: control characters are not allowed"),
        ("{\"a\": \"b\"\n \"c\": 1}", "f.json", "f.json:2:2: this cannot be read as JSON: expected `,` or `}`"),
        ("{\"a\": [1,]}", "f.json", "f.json:1:10: this cannot be read as JSON: expected value"),
        ("", "f.json", "f.json:1:1: this cannot be read as JSON: EOF while parsing a value"),
        ("{}\n{}", "f.json", "f.json:2:1: this cannot be read as JSON: trailing characters"),
        ("{\"a\":\n \"\\ud800\"}", "f.json", "f.json:2:9: this cannot be read as JSON: unexpected end of hex escape"),
    ] {
        assert_eq!(error(text, file), expected, "{text:?}");
    }
}

#[test]
fn a_bomb_does_not_go_off() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let items = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb += &format!("a{level}: &a{level} [{items}]\n");
    }
    assert!(error(&bomb, "f.yaml").contains("limit") || error(&bomb, "f.yaml").contains("larger"));

    let wide = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), ["*a"; 100_000].join(", "));
    assert!(error(&wide, "f.yaml").contains("larger"));
    for open in ["[", "{", "- ", "? ", "a: {", "[\"[\", "] {
        assert!(parse(&open.repeat(100_000), "f.yaml").is_err(), "{open}");
        assert!(parse(&open.repeat(100_000), "f.json").is_err(), "{open}");
    }
    let wide = "[".repeat(400) + &"a, ".repeat(100_000);
    assert!(parse(&wide, "f.yaml").is_err());
    let deep = "[".repeat(1000) + &"]".repeat(1000);
    assert_eq!(error(&deep, "f.json"), "f.json:1:17: this is nested too deeply");
    assert_eq!(error(&deep, "f.yaml"), "f.yaml:1:501: this is nested too deeply");
    let deep = "[".repeat(200) + &"]".repeat(200);
    assert!(error(&deep, "f.yaml").contains("recursion limit"));
}

#[test]
fn many_entries_take_no_long_time() {
    let lines: String = (0..40_000).map(|n| format!("quay.io/team/app-{n}:v1: [h.io/a/b, h.io/c/d]\n")).collect();
    let flow = format!("{{{}}}", lines.trim_end().replace('\n', ", "));
    for text in [lines, flow] {
        let started = std::time::Instant::now();
        let document = parse(&text, "f.yaml").unwrap();
        let Value::Map(entries) = &document.root.value else { panic!() };
        assert_eq!(entries.len(), 40_000);
        assert!(document.place(&entries[39_999].0).column > 0);
        // A pass for each entry would take hours.
        assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
    }
}

#[test]
fn only_known_suffixes_are_read() {
    assert!(SourceText::new("", "a/b.YAML").is_ok());
    for file in ["images", "images.toml", "x.yaml/images", ".", ""] {
        let errors = SourceText::new("", file).err().unwrap();
        assert_eq!(errors[0].message, format!("`{file}` is neither YAML nor JSON by its name"));
    }
}

mod any_text {
    use proptest::prelude::*;

    use super::*;

    /// Texts of the pieces that YAML and JSON are made of: most are wrong, many are nearly right.
    fn texts() -> impl Strategy<Value = String> {
        let pieces = [
            "a", "b: ", " ", "  ", "\n", "\n  ", "- ", "[", "]", "{", "}", ", ", ": ", "'", "\"", "&x ", "*x", "!t ",
            "!!str ", "|\n  ", ">-\n", "# c\n", "\r\n", "é", "~", "1.0", "? ", "---\n", "\\", "<<: ", "\u{2028}", "\t",
        ];
        prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..24).prop_map(|pieces| pieces.concat())
    }

    /// Every node has a place, and what stands there begins like the text without quotes that was read.
    fn looks_right(document: &Document<'_>, node: &DocumentNode) {
        let span = document.span(node);
        let place = document.place(node);
        assert!(place.line >= 1 && place.column >= 1 && place.length >= 1);
        let there = &document.text.content[span.start..];
        match &node.value {
            Value::Text(text) if !there.starts_with(['"', '\'', '|', '>']) => {
                let first_word = text.split_whitespace().next().unwrap_or_default();
                assert!(there.starts_with(first_word), "{text:?} is not at {there:?}");
            }
            Value::List(items) => items.iter().for_each(|item| looks_right(document, item)),
            Value::Map(entries) => entries.iter().for_each(|(key, value)| {
                looks_right(document, key);
                looks_right(document, value);
            }),
            _ => {}
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn is_read_or_refused_with_a_place(text in texts()) {
            for file in ["f.yaml", "f.json"] {
                match parse(&text, file) {
                    Ok(document) => looks_right(&document, &document.root),
                    Err(errors) => prop_assert!(errors[0].location.is_some()),
                }
            }
        }

        #[test]
        fn is_read_as_yaml_where_others_read_it(text in texts()) {
            let theirs = serde_yaml::from_str::<serde_yaml::Value>(&text);
            let duplicates = |error: &serde_yaml::Error| error.to_string().contains("duplicate");
            let tags = text.contains("!t");
            match parse(&text, "f.yaml") {
                // A text alone is read and then refused, so that what follows it does not matter.
                Ok(document) if !matches!(document.root.value, Value::List(_) | Value::Map(_)) => {}
                Ok(_) => prop_assert!(theirs.as_ref().is_ok() || theirs.as_ref().is_err_and(duplicates), "{theirs:?}"),
                Err(errors) => prop_assert!(theirs.is_err() || tags, "{errors:?}"),
            }
        }
    }
}
