//! Output of this program: tables go to stdout, progress to stderr.

/// Prints a line of the result.
#[expect(clippy::print_stdout, reason = "the table is what this program is for")]
pub(crate) fn say(line: &str) {
    println!("{line}");
}

/// Prints a line of progress.
#[expect(clippy::print_stderr, reason = "progress stays out of the result")]
pub(crate) fn note(line: &str) {
    eprintln!("{line}");
}
