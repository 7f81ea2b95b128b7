//! The paths of users, walked from an empty folder with nothing but the program: what they type, and what they are told.

mod operator;
mod site;

use sealift_e2e::program::{Folder, Ran};

fn folder() -> Folder {
    Folder::new(env!("CARGO_BIN_EXE_sealift-under-test"))
}

/// Everything that was said has these words.
#[track_caller]
fn assert_said(ran: &Ran, words: &[&str]) {
    let all = ran.all();
    for word in words {
        assert!(all.contains(word), "`{word}` was not said:\n{all}");
    }
}
