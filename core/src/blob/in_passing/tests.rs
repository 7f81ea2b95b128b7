use super::*;

fn lane() -> Arc<Lane> {
    Arc::new(Lane::new(Digest::of(b"").algorithm().hasher()))
}

fn waits(lane: &Lane) -> usize {
    lock(&lane.pending).len()
}

/// Bytes that are different for each blob and place.
fn content(blob: usize, len: usize) -> Bytes {
    (0..len).map(|at| (at.wrapping_mul(31) >> 3) as u8 ^ blob as u8).collect()
}

#[test]
fn the_second_blob_takes_along_what_the_first_one_waits_with() {
    let (waiting, one, other) = (Waiting(Mutex::default()), lane(), lane());
    one.take(content(1, 30_000), &waiting);
    assert_eq!((waits(&one), waits(&other)), (1, 0), "nobody came so far");
    other.take(content(2, 30_000), &waiting);
    assert_eq!((waits(&one), waits(&other)), (0, 0), "both are hashed");
    assert!(waiting.other(&lane()).is_none(), "and nobody waits");
    assert_eq!(one.finish(), Digest::of(&content(1, 30_000)));
    assert_eq!(other.finish(), Digest::of(&content(2, 30_000)));
}

#[test]
fn what_is_left_of_the_longer_one_waits_for_a_third() {
    let (waiting, one, other, third) = (Waiting(Mutex::default()), lane(), lane(), lane());
    let whole = content(1, 100_000);
    one.take(whole.slice(..60_000), &waiting);
    one.take(whole.slice(60_000..), &waiting);
    other.take(content(2, 70_000), &waiting);
    assert_eq!((waits(&one), waits(&other)), (1, 0));
    assert_eq!(lock(&one.pending)[0].len(), 30_000);
    third.take(content(3, 40_000), &waiting);
    assert_eq!((waits(&one), waits(&third)), (0, 1));
    assert_eq!(lock(&third.pending)[0].len(), 10_000);
    assert_eq!(one.finish(), Digest::of(&whole));
    assert_eq!(other.finish(), Digest::of(&content(2, 70_000)));
    assert_eq!(third.finish(), Digest::of(&content(3, 40_000)));
}

#[test]
fn who_waits_in_vain_goes_on_alone_before_too_much_is_kept() {
    let (waiting, one) = (Waiting(Mutex::default()), lane());
    let whole = content(1, 4 << 20);
    let mut most = 0;
    for chunk in whole.chunks(300 << 10) {
        one.take(whole.slice_ref(chunk), &waiting);
        most = most.max(lock(&one.pending).iter().map(Bytes::len).sum());
    }
    assert!(most > 300 << 10 && most <= MOST, "{most}");
    assert_eq!(one.finish(), Digest::of(&whole));
}

#[test]
fn while_somebody_is_at_a_hash_its_blob_goes_on() {
    let (waiting, one, other) = (Waiting(Mutex::default()), lane(), lane());
    let whole = content(1, 100_000);
    let busy = lock(&one.hasher);
    one.take(whole.slice(..50_000), &waiting);
    one.take(whole.slice(50_000..), &waiting);
    assert_eq!(waits(&one), 2, "kept, and not waited for");
    waiting.put(&one);
    other.take(content(2, 50_000), &waiting);
    assert_eq!(waits(&other), 1, "who is busy is no partner");
    drop(busy);
    assert_eq!((one.finish(), other.finish()), (Digest::of(&whole), Digest::of(&content(2, 50_000))));
}

#[test]
fn one_place_is_all_there_is_to_wait_in() {
    let (waiting, one, other) = (Waiting(Mutex::default()), lane(), lane());
    one.take(content(1, 50_000), &waiting);
    lock(&other.pending).push_back(content(2, 50_000));
    assert!(waiting.put(&one), "it may stay");
    other.wait(&mut lock(&other.hasher), &waiting);
    assert_eq!((waits(&one), waits(&other)), (1, 0), "hashed at once, and not kept");
    one.take_alone(&Bytes::new());
    other.take(content(3, 50_000), &waiting);
    assert_eq!(waits(&other), 1, "who lacks nothing makes room");
    let both = [content(2, 50_000), content(3, 50_000)].concat();
    assert_eq!(other.finish(), Digest::of(&both));
}

#[test]
fn a_blob_that_is_given_up_is_no_partner_and_holds_no_chunk() {
    let (waiting, one) = (Waiting(Mutex::default()), lane());
    let chunk = content(1, 50_000);
    one.take(chunk.clone(), &waiting);
    drop(one);
    assert!(chunk.is_unique());
    assert!(waiting.other(&lane()).is_none());
}

#[test]
fn many_at_once_all_get_their_own_digest() {
    std::thread::scope(|scope| {
        for blob in 0..8 {
            scope.spawn(move || {
                for round in 0..30 {
                    let whole = content(blob * 31 + round, 100_000 + blob * 7777 + round * 101);
                    let mut hash = InPassing::new(Digest::of(b"").algorithm().hasher());
                    // Long ones and short ones, and ends in the middle of a block.
                    let mut rest = whole.clone();
                    while !rest.is_empty() {
                        let len = [20_011, 333, 16 << 10, 40_000][rest.len() % 4].min(rest.len());
                        let chunk = rest.split_to(len);
                        hash.take(&chunk, rest.is_empty());
                    }
                    assert_eq!(hash.finish(), Digest::of(&whole), "blob {blob}, round {round}");
                }
            });
        }
    });
}
