//! The order of lists that are read at the same time.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use futures::{Stream, StreamExt};
use tokio::time::timeout;

/// How long the others wait for one that is late.
const PATIENCE: Duration = Duration::from_millis(500);

/// Returns items in the order of their numbers, so that the same state gives the same list. The first one that is
/// missing is waited for once, for half a second; then others overtake it.
pub struct InOrder<S, T> {
    read: S,
    /// The smallest number that was not returned.
    head: usize,
    /// True once the head was waited for in vain.
    is_late: bool,
    /// True once there is nothing more to read.
    is_over: bool,
    /// Numbers above `head` that were returned.
    returned: BTreeSet<usize>,
    waiting: BTreeMap<usize, T>,
    /// Numbers that do not overtake each other and were not returned, in their order.
    fixed: VecDeque<usize>,
}

impl<S: Stream<Item = (usize, T)> + Unpin, T> InOrder<S, T> {
    /// Orders what `read` yields: each number from 0 on, once. Those in `fixed`, which is sorted, never overtake each
    /// other.
    pub fn new(read: S, fixed: impl IntoIterator<Item = usize>) -> Self {
        let fixed = fixed.into_iter().collect();
        let (returned, waiting) = (BTreeSet::new(), BTreeMap::new());
        Self { read, head: 0, is_late: false, is_over: false, returned, waiting, fixed }
    }

    /// Waits for the next item; none at the end.
    pub async fn next(&mut self) -> Option<(usize, T)> {
        loop {
            if let Some(number) = self.ready() {
                return self.take(number);
            }
            if self.is_over {
                return None;
            }
            match self.is_late || self.waiting.is_empty() {
                true => self.read_one().await,
                false => self.is_late = timeout(PATIENCE, self.read_head()).await.is_err(),
            }
        }
    }

    /// Returns the number that may be returned now.
    fn ready(&self) -> Option<usize> {
        let may_overtake =
            |number: &usize| self.fixed.front() == Some(number) || self.fixed.binary_search(number).is_err();
        let mut numbers = self.waiting.keys().copied();
        match self.is_late || self.is_over {
            true => numbers.find(|number| self.is_over || may_overtake(number)),
            false => numbers.next().filter(|number| *number == self.head),
        }
    }

    async fn read_one(&mut self) {
        match self.read.next().await {
            Some((number, item)) => _ = self.waiting.insert(number, item),
            None => self.is_over = true,
        }
    }

    async fn read_head(&mut self) {
        while !self.is_over && !self.waiting.contains_key(&self.head) {
            self.read_one().await;
        }
    }

    fn take(&mut self, number: usize) -> Option<(usize, T)> {
        if self.fixed.front() == Some(&number) {
            self.fixed.pop_front();
        }
        self.returned.insert(number);
        while self.returned.remove(&self.head) {
            (self.head, self.is_late) = (self.head + 1, false);
        }
        self.waiting.remove_entry(&number)
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;
    use tokio::time::{Instant, sleep};

    use super::*;

    /// Returns the numbers in the order in which they come, each with the tenth of a second. `tenths` says when each is read.
    async fn order(tenths: &[u64], fixed: &[usize]) -> Vec<(usize, u64)> {
        let start = Instant::now();
        let read = stream::iter(tenths.iter().enumerate()).map(|(number, tenths)| async move {
            sleep(Duration::from_millis(100 * tenths)).await;
            (number, ())
        });
        let mut ordered = InOrder::new(read.buffer_unordered(100), fixed.iter().copied());
        let mut found = Vec::new();
        while let Some((number, ())) = ordered.next().await {
            found.push((number, start.elapsed().as_millis() as u64 / 100));
        }
        found
    }

    #[tokio::test(start_paused = true)]
    async fn items_come_in_their_order_unless_one_is_late() {
        assert_eq!(order(&[1, 0, 2], &[]).await, [(0, 1), (1, 1), (2, 2)]);
        // One that is late is waited for once.
        assert_eq!(order(&[60, 0, 0, 30], &[]).await, [(1, 5), (2, 5), (3, 30), (0, 60)]);
        // Those that do not overtake each other wait, and the others do not wait for them.
        assert_eq!(order(&[60, 0, 0, 1], &[0, 2]).await, [(1, 5), (3, 5), (0, 60), (2, 60)]);
        assert_eq!(order(&[], &[]).await, []);
    }

    #[tokio::test(start_paused = true)]
    async fn time_that_the_receiver_takes_makes_nothing_late() {
        let read = stream::iter([(0, 'a'), (2, 'c'), (1, 'b')]).then(|item| async move {
            sleep(Duration::from_millis(100)).await;
            item
        });
        let mut ordered = InOrder::new(Box::pin(read), []);
        let mut found = String::new();
        while let Some((_, letter)) = ordered.next().await {
            found.push(letter);
            sleep(Duration::from_secs(60)).await;
        }
        assert_eq!(found, "abc");
    }
}
