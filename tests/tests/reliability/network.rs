//! Group A: the network, and servers that answer badly.

use sealift_testkit::{
    fault::{Act, End, Fault},
    images::image,
};

use crate::scene::Scene;

/// Long enough that it does not come in one piece.
const LAYER: u64 = 300_000;

/// One image, and the end of the path of its layer.
async fn with_one_image() -> (Scene, String) {
    let mut scene = Scene::new().await;
    let layer = "a layer of an image. ".repeat(LAYER as usize / 21 + 1);
    let app = image("linux/amd64", &[&layer[..LAYER as usize]]);
    scene.wants("shop/app", "v1", &app).await;
    let path = format!("/shop/app/blobs/{}", app.blobs[1].0.digest);
    (scene, path)
}

#[tokio::test(flavor = "multi_thread")]
async fn case_01_a_reset_read_goes_on_where_it_broke() {
    for after in [0, 1, 64 << 10, LAYER - 1] {
        let (scene, layer) = with_one_image().await;
        scene.from.will(Fault::on("GET", &layer).nth(1).act(Act::Cut { after, end: End::Reset }));
        let ran = scene.run().expect(0);
        scene.from.assert_all_fired();
        let journal = scene.from.journal();
        assert_eq!(journal.count("GET", &layer), 2, "{journal}");
        // A reset throws away what the client's system had not handed out yet, so it may go on a little before.
        let again = journal.of("GET", &layer).nth(1).unwrap();
        let start = again.range_start().unwrap_or(0);
        assert!(start <= after && (start > 0 || after < 64 << 10), "{journal}");
        assert_eq!(again.sent, LAYER - start, "{journal}");
        scene.assert_invariants(&ran);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_02_a_body_that_ends_early_is_gone_on_with() {
    for after in [0, 1, 100_000, LAYER - 1] {
        let (scene, layer) = with_one_image().await;
        scene.from.will(Fault::on("GET", &layer).nth(1).act(Act::Cut { after, end: End::Fin }));
        let ran = scene.run().expect(0);
        scene.from.assert_all_fired();
        let journal = scene.from.journal();
        let asked: Vec<_> = journal.of("GET", &layer).map(|it| (it.range_start().unwrap_or(0), it.sent)).collect();
        assert_eq!(asked, [(0, after), (after, LAYER - after)], "no byte is read twice\n{journal}");
        scene.assert_invariants(&ran);
    }
}
