//! What users read when a registry refuses, breaks off or lies: as the other cases, with registries that do so on cue.
//!
//! Each scene is a run of one round, from `FROM/shop/app:v1` to `TO/m/app` unless it says something else, that fails.

mod connecting;
mod harbor;
mod logging_in;
mod reading;
mod scene;
mod writing;

use scene::Scene;

macro_rules! refusals {
    ($($name:ident)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            insta::assert_snapshot!(stringify!($name), Scene::told($name::scenes()).await);
        }
    )*};
}

refusals! {
    reading
    writing
    logging_in
}

#[tokio::test(flavor = "multi_thread")]
async fn connecting() {
    insta::assert_snapshot!("connecting", connecting::told().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn harbor() {
    let Some(told) = harbor::told().await else { return };
    insta::assert_snapshot!("harbor", told);
}
