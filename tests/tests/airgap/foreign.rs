//! Layouts of others are loaded.

use sealift_oci_layout::{Writer, WriterOptions};
use sealift_serve::sample::{Recipe, Sample};
use sealift_testkit::{content::Content, program::skopeo_ok, registry::Registry};

use crate::folder;

#[tokio::test(flavor = "multi_thread")]
async fn a_layout_that_skopeo_wrote_goes_where_the_user_says() {
    let Some(to) = Registry::start() else { return };
    let folder = folder();
    let recipe = Recipe { repositories: 1, tags: 2, ..Recipe::default() };
    let samples: Vec<Sample> = recipe.images().collect();
    let writer = Writer::create(folder.path("ours"), WriterOptions { sync: false }).await.unwrap();
    for sample in &samples {
        sample.write(&writer).await.unwrap();
    }
    writer.commit().await.unwrap();
    drop(writer);
    let (ours, theirs) = (folder.path("ours"), folder.path("theirs"));
    for sample in &samples {
        let (repository, tag) = (&sample.repository, &sample.tags[0]);
        let from = format!("oci:{}:{repository}:{tag}", ours.display());
        let to = format!("oci:{}:{tag}", theirs.display());
        if skopeo_ok(&["copy", "--all", "--preserve-digests", &from, &to]).is_none() {
            return;
        }
    }
    let refused = folder.run(&["load", "theirs", "--to", &to.host(), "--retries", "0"]).expect(1);
    assert!(refused.stderr.contains("names no repository"), "{}", refused.stderr);
    folder.run(&["load", "theirs", "--to", &format!("{}/team/app", to.host())]).expect(0);
    let target = Content::at(&to.url());
    for sample in &samples {
        target.whole("team/app", &sample.tags[0]).await;
        assert_eq!(target.digest("team/app", &sample.tags[0]).await.as_ref(), Some(sample.image.root().digest()));
    }
}
