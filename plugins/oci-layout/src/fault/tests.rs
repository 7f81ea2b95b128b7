use super::*;

#[test]
fn a_full_disk_says_where_how_much_and_what_to_do() {
    let error = fault_writing(Path::new("/proc/x"), io::Error::from_raw_os_error(28), Some(3_145_728));
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert!(error.message().starts_with("cannot write `/proc/x`: no space left on device (3145728 bytes are needed"));
    assert!(error.hint().unwrap().contains("free some space"));
    assert!(!error.is_retryable());
}

#[test]
fn the_limits_that_people_meet_have_hints() {
    for errno in [27, 28, 30, 122, 13] {
        assert!(fault("write", Path::new("/x"), io::Error::from_raw_os_error(errno)).hint().is_some(), "{errno}");
    }
}
