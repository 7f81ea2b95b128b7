use super::*;

#[test]
fn connections_and_their_files_leave_a_reserve() {
    for (limit, connections, files) in [(64, 16, 16), (256, 80, 80), (1024, 464, 464), (4096, 512, 3488)] {
        assert_eq!(DescriptorShares::of(limit, 512), DescriptorShares { connections, files }, "{limit}");
    }
    assert_eq!(DescriptorShares::of(usize::MAX, 512), DescriptorShares { connections: 512, files: MOST });
    assert_eq!(DescriptorShares::of(1 << 20, 2).connections, 2);
    for limit in 8..5000 {
        let shares = DescriptorShares::of(limit, 512);
        assert!(shares.connections + shares.files <= limit - 96.min(limit / 2), "{limit}: {shares:?}");
        assert!(shares.files >= shares.connections, "{limit}: a connection needs a file, too: {shares:?}");
    }
}

#[test]
fn the_limit_is_raised() {
    raise();
    let limit = getrlimit(Resource::Nofile);
    assert_eq!(limit.current, limit.maximum);
}

#[tokio::test(start_paused = true)]
async fn no_request_waits_for_ever_for_a_file() {
    let files = FilePermits::new(1);
    let place = files.place().await.unwrap();
    assert_eq!(files.place().await.unwrap_err().kind(), ErrorKind::Unavailable);
    drop(place);
    assert!(files.place().await.is_ok());
}
