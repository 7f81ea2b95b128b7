use proptest::prelude::*;

use super::*;

fn input(text: &str) -> Input {
    Input { name: "a.yaml".into(), text: text.to_owned(), directory: ".".into(), named: true }
}

/// The value under `image` of the first document, and what of its line is pointed at.
fn pointed_at(text: &str) -> (String, String) {
    let input = input(text);
    let (documents, error) = Documents::parse(&input);
    assert_eq!(error, None, "{text}");
    let node = documents.roots[0].get("image").expect("there is an image");
    let place = documents.place(node);
    let shown = place.text.chars().skip(place.column - 1).take(place.length).collect();
    (node.text().unwrap_or("(no text)").to_owned(), shown)
}

#[test]
fn a_value_knows_where_it_is_written() {
    for (text, value, shown) in [
        ("image: nginx:1 # c", "nginx:1", "nginx:1"),
        ("image: \"nginx:1\" # c", "nginx:1", "\"nginx:1\""),
        ("ü: 1\nimage:  'nginx'", "nginx", "'nginx'"),
        ("image: &main nginx", "nginx", "nginx"),
        ("image: !override &x nginx", "nginx", "nginx"),
        ("x: &x nginx\nimage: *x", "nginx", "*x"),
        ("{\"a\": \"ü\", \"image\": \"nginx\"}", "nginx", "\"nginx\""),
        ("{\n\t\"image\": \"nginx\"\n}", "nginx", "\"nginx\""),
        ("image: >-\n  nginx:1\n", "nginx:1", "n"),
        ("image: {a: b}", "(no text)", "{"),
    ] {
        assert_eq!(pointed_at(text), (value.to_owned(), shown.to_owned()), "{text}");
    }
}

#[test]
fn only_texts_are_texts() {
    for text in ["image: 1", "image: 1.27", "image: true", "image: ~", "image:", "image: null", "image: []"] {
        assert_eq!(pointed_at(text).0, "(no text)", "{text}");
    }
    assert_eq!(pointed_at("image: '1.27'").0, "1.27");
    assert_eq!(pointed_at("image: 1.27.3").0, "1.27.3");
}

#[test]
fn maps_may_be_made_of_others_and_the_last_key_counts() {
    assert_eq!(pointed_at("base: &b {image: a}\n<<: *b").0, "a");
    assert_eq!(pointed_at("base: &b {image: a}\n<<: [{other: x}, *b]").0, "a");
    assert_eq!(pointed_at("base: &b {image: a}\n<<: *b\nimage: b").0, "b");
    assert_eq!(pointed_at("image: a\nimage: b").0, "b");
}

#[test]
fn documents_before_an_error_count_and_the_error_says_where() {
    let input = input("a: 1\n---\nb: 2\n---\nc: [1,\n");
    let (documents, error) = Documents::parse(&input);
    assert_eq!(documents.roots.len(), 2);
    let error = error.unwrap();
    let place = error.location.as_ref().unwrap();
    assert_eq!((place.line, place.text.as_str()), (5, "c: [1,"), "{error}");
    assert_eq!(error.hint, None);
}

#[test]
fn a_template_is_recognised() {
    let input = input("a: 1\n{{- if .Values.x }}\nb: 2\n{{- end }}\n");
    assert_eq!(Documents::parse(&input).1.unwrap().hint.as_deref(), Some(RENDER));
}

#[test]
fn what_was_made_to_exhaust_memory_does_not() {
    let deep = input(&"[".repeat(100_000));
    assert!(Documents::parse(&deep).1.is_some());
    let nested = format!("{}x{}", "- ".repeat(150), "");
    assert!(Documents::parse(&input(&nested)).1.unwrap().message.contains("100 levels"));
    let mut laughs = "a0: &a0 lol\n".to_owned();
    for level in 1..60 {
        let below = level - 1;
        laughs += &format!("a{level}: &a{level} [*a{below}, *a{below}, *a{below}, *a{below}]\n");
    }
    let laughs = input(&laughs);
    assert_eq!(Documents::parse(&laughs).1, None);
    let inside = input("a: &a [*a]\n");
    assert!(Documents::parse(&inside).1.unwrap().message.contains("inside what it points to"));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "([a-z:&*!|>'\"{}\\[\\]#,? \n-]|\\PC){0,60}") {
        let input = input(&text);
        let (documents, _) = Documents::parse(&input);
        fn visit(documents: &Documents<'_>, node: &YamlNode) {
            documents.place(node);
            match &node.value {
                YamlValue::List(items) => items.iter().for_each(|item| visit(documents, item)),
                YamlValue::Map(entries) => entries.iter().for_each(|(key, value)| {
                    visit(documents, key);
                    visit(documents, value);
                }),
                _ => {}
            }
        }
        documents.roots.iter().for_each(|root| visit(&documents, root));
    }
}
