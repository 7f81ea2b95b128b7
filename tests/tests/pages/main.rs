//! Every command in the README and the docs is typed, in the order of its page, and prints what the page shows.
//!
//! What a page needs for that is in its fixture folder, see [`scene`]; its own pipelines are files there under their
//! names. A block that cannot be run has `<!-- not run: why -->` in the line before it.
#![cfg(unix)]

mod page;
mod scene;
mod shell;

use page::Page;
use scene::{Stage, fixtures};
use shell::Shell;

/// Blocks that are not run, in all pages together: builds and tests of this project, and what needs other programs.
const NOT_RUN: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_pages_tell_to_type_works() {
    let mut wrong = Vec::new();
    for page in Page::all() {
        if page.commands().next().is_none() {
            continue;
        }
        let Some(mut stage) = Stage::set(&page).await else { return };
        if let Err(what) = tokio::task::block_in_place(|| play(&mut stage, &page)) {
            wrong.push(format!("{}, {what}", page.path));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Goes through a page up to the first command that does not do what is shown.
fn play(stage: &mut Stage, page: &Page) -> Result<(), String> {
    let before: Vec<_> = stage.scene.before.iter().map(|text| page::Typed::silent(text)).collect();
    let Some(mut shell) = Shell::open(stage, page) else { return Ok(()) };
    before.iter().chain(page.commands()).try_for_each(|typed| shell.type_in(typed))
}

#[test]
fn a_block_that_is_not_run_says_why_and_there_are_few() {
    let mut count = 0;
    for page in Page::all() {
        let reasons: Vec<_> = page.blocks.iter().filter_map(|block| block.not_run.as_deref()).collect();
        assert_eq!(reasons.len(), page.marks(), "{}: a mark stands right before its block", page.path);
        assert!(reasons.iter().all(|why| why.len() > 10), "{}: {reasons:?}", page.path);
        count += reasons.len();
    }
    assert!(count <= NOT_RUN, "{count} blocks are not run");
}

#[test]
fn every_fixture_has_its_page() {
    let pages: Vec<_> = Page::all().into_iter().map(|page| page.path).collect();
    let mut folders = vec![fixtures()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.ends_with("page.toml") {
                let page = format!("{}.md", folder.strip_prefix(fixtures()).unwrap().display());
                assert!(pages.contains(&page), "there is no page {page}");
            }
        }
    }
}
