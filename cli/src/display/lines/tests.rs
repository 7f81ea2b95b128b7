use super::*;
use crate::display::script;

fn told(least: Weight) -> String {
    let lines = script::everything().into_iter().filter_map(|event| line(&event, false));
    lines.filter(|(weight, _)| *weight >= least).map(|(_, line)| line + "\n").collect()
}

#[test]
fn what_is_done_is_one_line_each() {
    insta::assert_snapshot!(told(Weight::Fact));
}

#[test]
fn those_who_ask_for_more_also_hear_what_needed_nothing() {
    insta::assert_snapshot!(told(Weight::More));
}

#[test]
fn without_colour_there_is_no_control_character() {
    assert!(!told(Weight::More).chars().any(|letter| letter.is_control() && letter != '\n'));
    let coloured: String = script::everything().iter().filter_map(|event| line(event, true)).map(|(_, l)| l).collect();
    assert!(coloured.contains("\x1b["));
}
