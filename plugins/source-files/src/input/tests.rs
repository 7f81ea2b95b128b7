use std::sync::Arc;

use super::*;

#[test]
fn a_text_that_is_too_large_is_not_read_to_its_end() {
    let error = text_of(io::repeat(b'a')).unwrap_err();
    assert_eq!(reason(&error), "it is larger than the 64 MiB that are accepted");
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_text() {
    assert_eq!(text_of("\u{feff}nginx".as_bytes()).unwrap(), "nginx");
}

#[test]
fn files_of_a_directory_have_its_name_in_front() {
    let base = tempfile::tempdir().unwrap();
    fs::create_dir(base.path().join("m")).unwrap();
    fs::write(base.path().join("m/a.yaml"), "a").unwrap();
    let cx = BuildContext::new(Arc::new(|_| None), base.path(), Purpose::Run);
    let all: InDirectory = |path| Ok(fs::read_dir(path)?.map(|entry| entry.unwrap().path()).collect());
    let inputs = read(&["m/".to_owned()], all, &cx).ok().unwrap();
    assert_eq!((&*inputs[0].name, inputs[0].named), ("m/a.yaml", false));
    assert_eq!(inputs[0].directory, base.path().join("m"));
    fs::remove_file(base.path().join("m/a.yaml")).unwrap();
    let error = read(&["m".to_owned()], all, &cx).err().unwrap().into_problems();
    assert_eq!(error[0].diagnostic.message, "the directory `m` has no file for this list");
}
