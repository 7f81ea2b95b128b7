//! What users read when they get something wrong: every message there is, provoked with the real program.
//!
//! Each file in `cases/` is about one part of the program. A case has a name (`## …`), files (`@ name`, then its text),
//! and commands (`$ sealift …`); what the commands say is pinned in a snapshot for the file, so that all messages can
//! be read in a row, as one careful person would have written them.

mod case;
mod covered;
mod refusals;

use case::Case;

fn said(cases: &str) -> String {
    Case::all(cases).iter().map(Case::told).collect::<Vec<_>>().join("\n")
}

macro_rules! cases {
    ($($name:ident)*) => {$(
        #[test]
        fn $name() {
            insta::assert_snapshot!(stringify!($name), said(include_str!(concat!("cases/", stringify!($name), ".txt"))));
        }
    )*};
}

cases! {
    pipelines
    filters
    lists
    pushes
    registries
    image_syncer
    command_line
    directories
}
