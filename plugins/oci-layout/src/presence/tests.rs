use crate::{Baseline, Receipt, made::Made};

#[tokio::test]
async fn what_was_left_out_on_purpose_is_not_missed() {
    let mut made = Made::new().await;
    let (layer, other) = (made.layer("layer").await, made.layer("other").await);
    let image = made.with_layers("amd64", &[&layer, &other]).await;
    assert!(made.writer.has_image(&image).await.unwrap());
    made.named(&made.with_layers("arm64", &[&layer]).await, "q.io/a:v0");
    let receipt = Receipt::of_layout(&made.layout().await).await.unwrap();
    std::fs::remove_file(made.file(&layer)).unwrap();
    assert!(!made.writer.has_image(&image).await.unwrap());
    made.writer.keep_baseline(&Baseline::new("the last one", receipt.clone())).await.unwrap();
    assert!(made.writer.has_image(&image).await.unwrap());
    assert!(!made.writer.has_image_except(&image, None).await.unwrap(), "that was another time");
    let base = Baseline::new("this time", receipt);
    assert!(made.writer.has_image_except(&image, Some(base.into())).await.unwrap());
    std::fs::remove_file(made.file(&other)).unwrap();
    assert!(!made.writer.has_image(&image).await.unwrap());
}
