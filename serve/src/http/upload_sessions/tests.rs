use super::*;

#[tokio::test(start_paused = true)]
async fn an_upload_is_forgotten_by_time_alone() {
    let sessions = UploadSessions::sweeping();
    let (idle, held, asked) = (sessions.add("a"), sessions.add("a"), sessions.add("a"));
    let hold = sessions.hold("a", &held, false).await.unwrap();
    tokio::time::sleep(IDLE / 2).await;
    sessions.length("a", &asked).await.unwrap();
    tokio::time::sleep(IDLE / 2 + SWEEP * 2).await;
    assert_eq!(sessions.count(), 2, "no other request was needed for it");
    assert!(sessions.length("a", &idle).await.is_err());
    drop(hold);
    assert!(sessions.length("a", &held).await.is_ok(), "it was in use until now");
    tokio::time::sleep(IDLE + SWEEP * 2).await;
    assert_eq!(sessions.count(), 0);
}

#[tokio::test]
async fn there_are_so_many_uploads_and_the_oldest_goes_first() {
    let sessions = UploadSessions::default();
    let first = sessions.add("a");
    let hold = sessions.hold("a", &first, false).await.unwrap();
    let second = sessions.add("a");
    for _ in 0..MOST {
        sessions.add("a");
    }
    assert_eq!(sessions.count(), MOST);
    assert!(sessions.length("a", &second).await.is_err());
    drop(hold);
    assert!(sessions.length("a", &first).await.is_ok(), "it was in use");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_says_where_it_goes_on_takes_over_from_one_that_hangs() {
    let sessions = Arc::new(UploadSessions::default());
    let id = sessions.add("a");
    let hanging = sessions.hold("a", &id, false).await.unwrap();
    assert_eq!(sessions.length("a", &id).await.unwrap(), 0, "how far it is can be asked all the time");
    assert!(sessions.hold("a", &id, false).await.is_err());
    let stopped = tokio::spawn(async move { hanging.stop.cancelled().await });
    assert!(sessions.hold("a", &id, true).await.unwrap().took_over);
    stopped.await.unwrap();
}
