use std::net::Ipv4Addr;

use futures::{FutureExt, future::BoxFuture};

use super::*;

fn address(last: u8) -> IpAddr {
    Ipv4Addr::new(10, 0, 0, last).into()
}

/// Gets in line.
fn wait(turns: &Arc<CheckQueue>, last: u8) -> BoxFuture<'static, Option<CheckPermit>> {
    let turns = Arc::clone(turns);
    let mut waiting = async move { turns.wait(address(last)).await }.boxed();
    assert!((&mut waiting).now_or_never().is_none());
    waiting
}

#[tokio::test]
async fn the_newest_and_the_oldest_are_next_by_turns() {
    let turns = CheckQueue::new(1, 10);
    let mut turn = turns.wait(address(1)).await;
    let mut waiting: Vec<_> = (0..5).map(|number| (number, wait(&turns, 1))).collect();
    let mut order = Vec::new();
    while turn.take().is_some() {
        for at in 0..waiting.len() {
            if let Some(next) = (&mut waiting[at].1).now_or_never() {
                turn = next;
                order.push(waiting.remove(at).0);
                break;
            }
        }
    }
    assert_eq!(order, [4, 0, 3, 1, 2]);
}

// A connection that sends the next wrong login as soon as it has an answer must not keep others from their turn.
#[tokio::test]
async fn no_one_waits_for_ever_behind_those_that_come_again_and_again() {
    let turns = CheckQueue::new(1, 100);
    let mut turn = turns.wait(address(1)).await;
    let mut flood: Vec<_> = (0..5).map(|_| wait(&turns, 1)).collect();
    let mut right = wait(&turns, 1);
    flood.extend((0..5).map(|_| wait(&turns, 1)));
    for served in 0.. {
        assert!(served < 12, "it is served before all of them were");
        drop(turn.take());
        if let Some(found) = (&mut right).now_or_never() {
            assert!(found.is_some());
            break;
        }
        let at = flood.iter_mut().position(|waiting| {
            turn = waiting.now_or_never().flatten();
            turn.is_some()
        });
        drop(flood.remove(at.unwrap()));
        flood.push(wait(&turns, 1));
    }
}

#[tokio::test]
async fn an_address_that_has_no_turn_comes_before_one_that_has() {
    let turns = CheckQueue::new(2, 10);
    let (one, two) = (turns.wait(address(1)).await.unwrap(), turns.wait(address(1)).await.unwrap());
    let mut other = wait(&turns, 2);
    let mut same = wait(&turns, 1);
    drop(one);
    let _turn = (&mut other).now_or_never().flatten().expect("it came before, and has no turn");
    assert!((&mut same).now_or_never().is_none());
    drop(two);
    assert!(same.now_or_never().flatten().is_some());
}

#[tokio::test]
async fn those_that_went_away_are_passed_over_and_give_nothing_back_twice() {
    let turns = CheckQueue::new(1, 10);
    let first = turns.wait(address(1)).await.unwrap();
    let stays = wait(&turns, 1);
    for _ in 0..5 {
        drop(wait(&turns, 1));
    }
    drop(first);
    let turn = stays.now_or_never().flatten().unwrap();
    assert_eq!(turns.state().running.len(), 1);
    drop(turn);
    assert!(turns.state().running.is_empty() && turns.state().waiting.is_empty());
}

#[tokio::test]
async fn with_too_many_waiting_the_one_that_waits_longest_is_turned_away() {
    let turns = CheckQueue::new(1, 2);
    let _first = turns.wait(address(1)).await.unwrap();
    let (oldest, mut second, mut third) = (wait(&turns, 1), wait(&turns, 1), wait(&turns, 1));
    assert!(oldest.now_or_never().unwrap().is_none());
    assert!((&mut second).now_or_never().is_none() && (&mut third).now_or_never().is_none());
}
