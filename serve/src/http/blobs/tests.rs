use super::*;

#[test]
fn ranges_are_read_as_the_rfc_says() {
    for (text, range) in [
        ("", ByteRange::Whole),
        ("bytes=0-0", ByteRange::Part(0, 1)),
        ("bytes=2-5", ByteRange::Part(2, 6)),
        ("bytes=4-", ByteRange::Part(4, 10)),
        ("bytes=4-99", ByteRange::Part(4, 10)),
        ("bytes=-3", ByteRange::Part(7, 10)),
        ("bytes=-99", ByteRange::Part(0, 10)),
        ("bytes=-0", ByteRange::Outside),
        ("bytes=10-", ByteRange::Outside),
        ("bytes=18446744073709551615-18446744073709551615", ByteRange::Outside),
        ("bytes=5-4", ByteRange::Whole),
        ("bytes=0-1,3-4", ByteRange::Whole),
        ("bytes=x-", ByteRange::Whole),
        ("lines=1-2", ByteRange::Whole),
    ] {
        assert_eq!(ByteRange::of(text, 10), range, "{text}");
    }
    assert_eq!(ByteRange::of("bytes=0-", 0), ByteRange::Outside);
}
