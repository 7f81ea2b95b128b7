use super::is_part;

#[test]
fn only_our_own_hidden_files_are_ours() {
    for ours in [".blob.1.7.part", ".index.json.4711.0.part", ".oci-layout.1.2.part"] {
        assert!(is_part(ours), "{ours}");
    }
    for theirs in
        [".thesis.pdf.part", ".rsync-something.part", ".a.1.2.part", ".blob.1.part", "blob.1.2.part", ".blob.x.2.part"]
    {
        assert!(!is_part(theirs), "{theirs}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_on_fat_ends_before_4_gib() {
    assert_eq!(super::most_of(0x4d44), Some((4 << 30) - 1));
    assert_eq!(super::most_of(0xef53), None, "ext4");
    assert_eq!(super::most_of(0x2011_bab0), None, "exFAT");
}
