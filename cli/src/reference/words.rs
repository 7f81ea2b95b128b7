//! Fields in the words of people.

use sealift_core::plugin::Field;

/// The first paragraph of a text, in one line.
pub(crate) fn first_paragraph(text: &str) -> String {
    text.split("\n\n").next().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The width of texts where there is no terminal.
pub(crate) const WIDTH: usize = 100;

/// A text in lines of at most so many characters. Paragraphs, and the items of a list, begin a line of their own.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut is_open = false;
    for line in text.lines() {
        let is_item = line.trim_start().starts_with("* ") || line.trim_start().starts_with("- ");
        if line.trim().is_empty() {
            lines.push(String::new());
        }
        is_open &= !is_item && !line.trim().is_empty();
        for word in line.split_whitespace() {
            match lines.last_mut().filter(|last| is_open && last.chars().count() + 1 + word.chars().count() <= width) {
                Some(last) => *last += &format!(" {word}"),
                None => lines.push(word.to_owned()),
            }
            is_open = true;
        }
    }
    lines
}

/// A row whose last cell goes on below itself, if there is an end to the line.
pub(crate) fn row(before: &str, text: &str, width: Option<usize>) -> String {
    let indent = before.chars().count();
    // Where nothing useful would fit beside the other cells, the terminal may break the line as it likes.
    let room = width.map(|width| width.saturating_sub(indent)).filter(|room| *room >= 20).unwrap_or(usize::MAX);
    let lines = wrapped(text, room).join(&format!("\n{:indent$}", ""));
    format!("{before}{lines}\n")
}

/// All fields, also those of tables inside, by the path that leads to them: `images[].from`, `"NAME".password`.
pub(crate) fn keys(fields: &[Field]) -> Vec<(String, &Field)> {
    let mut found = Vec::new();
    walk(fields, "", &mut found);
    found
}

fn walk<'f>(fields: &'f [Field], above: &str, found: &mut Vec<(String, &'f Field)>) {
    for field in fields {
        let name = if field.name == "*" { "\"NAME\"" } else { &field.name };
        let path = if above.is_empty() { name.to_owned() } else { format!("{above}.{name}") };
        let inside = if field.accepts.starts_with("a list") { format!("{path}[]") } else { path.clone() };
        found.push((path, field));
        walk(&field.inner, &inside, found);
    }
}

/// Returns the type of a field, and its default: ``a text, required``, ``a list of texts, default `[]` ``.
pub(crate) fn kind(field: &Field) -> String {
    let must = match &field.default {
        _ if field.required => ", required".to_owned(),
        // The texts say it where a default is "none".
        Some(default) if default != "{}" => format!(", default `{default}`"),
        _ => String::new(),
    };
    format!("{}{must}", field.accepts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_and_items_begin_a_line_of_their_own() {
        let text = "one two\nthree four\n\nfive\n* six seven\n  eight\n* nine";
        assert_eq!(wrapped(text, 9), ["one two", "three", "four", "", "five", "* six", "seven", "eight", "* nine"]);
        assert_eq!(wrapped("a-word-that-is-longer than", 5), ["a-word-that-is-longer", "than"]);
        assert_eq!(wrapped("", 5), [""; 0]);
    }

    #[test]
    fn the_last_cell_of_a_row_goes_on_below_itself() {
        let text = "a few words that are longer than the room";
        assert_eq!(row("name  ", text, Some(30)), "name  a few words that are\n      longer than the room\n");
        assert_eq!(row("name  ", text, None), format!("name  {text}\n"));
        assert_eq!(row("name  ", text, Some(20)), format!("name  {text}\n"), "there is no room worth using");
    }
}
