//! A sorted map for what is put back as one long list and seldom added to.
//!
//! A sorted map of nodes has to be built: of a hundred thousand tasks and their edges that took a
//! sixth of a whole `ready`. A sorted list is there once it was read. What comes later and belongs
//! between its entries stands in a map beside it.

use std::collections::BTreeMap;
use std::collections::btree_map::Range;
use std::fmt;

/// Values by key, in order of keys.
#[derive(Clone)]
pub struct Sorted<K, V> {
    list: Vec<(K, V)>,
    /// Keys that are not in the list.
    late: BTreeMap<K, V>,
}

impl<K, V> Default for Sorted<K, V> {
    fn default() -> Self {
        Self {
            list: Vec::new(),
            late: BTreeMap::new(),
        }
    }
}

/// Where a key is, or would be.
fn place<K: Ord, V>(list: &[(K, V)], key: &K) -> Result<usize, usize> {
    list.binary_search_by(|(known, _)| known.cmp(key))
}

impl<K: Ord, V> Sorted<K, V> {
    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<&V> {
        place(&self.list, key).map_or_else(|_| self.late.get(key), |at| Some(&self.list[at].1))
    }

    /// Whether there is such a key.
    #[must_use]
    pub fn contains_key(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    /// The value of a key, to be changed; the default is put there if there is none.
    pub fn get_or_default(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        match place(&self.list, &key) {
            Ok(at) => &mut self.list[at].1,
            // What a writer adds is mostly newer than all that is there.
            Err(end) if end == self.list.len() && self.late.is_empty() => {
                self.list.push((key, V::default()));
                &mut self.list[end].1
            }
            Err(_) => self.late.entry(key).or_default(),
        }
    }

    /// Puts many in; the places of older ones are taken, and of equal keys the last counts.
    pub fn restore(&mut self, mut more: Vec<(K, V)>) {
        if !more.is_sorted_by(|(a, _), (b, _)| a < b) {
            // From its end, so that of equal keys the last one is the first to be seen.
            more.reverse();
            more.sort_by(|(a, _), (b, _)| a.cmp(b));
            more.dedup_by(|(later, _), (kept, _)| later == kept);
        }
        if !self.late.is_empty() {
            let late = std::mem::take(&mut self.late).into_iter().collect();
            self.list = merged(std::mem::take(&mut self.list), late);
        }
        let apart = match (self.list.last(), more.first()) {
            (Some((last, _)), Some((first, _))) => last < first,
            _ => true,
        };
        if self.list.is_empty() {
            self.list = more;
        } else if apart {
            self.list.append(&mut more);
        } else {
            self.list = merged(std::mem::take(&mut self.list), more);
        }
    }

    /// Takes a key out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        match place(&self.list, key) {
            Ok(at) => Some(self.list.remove(at).1),
            Err(_) => self.late.remove(key),
        }
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len() + self.late.len()
    }

    /// True if there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty() && self.late.is_empty()
    }

    /// All, in order.
    #[must_use]
    pub fn iter(&self) -> Iter<'_, K, V> {
        Iter {
            list: &self.list,
            late: (!self.late.is_empty()).then(|| self.late.range(..)),
        }
    }

    /// Those from a key on.
    pub fn range(&self, first: &K) -> Iter<'_, K, V> {
        self.range_near(0, first)
    }

    /// The same. Before the key there are perhaps `guess` many: a guess that is right saves a search.
    pub fn range_near(&self, guess: usize, first: &K) -> Iter<'_, K, V> {
        let is_before = |at: usize| self.list.get(at).is_some_and(|(key, _)| key < first);
        let known = guess < self.list.len() && !is_before(guess);
        let from = match guess.checked_sub(1) {
            Some(last) if known && is_before(last) => guess,
            _ => self.list.partition_point(|(key, _)| key < first),
        };
        Iter {
            list: &self.list[from..],
            late: (!self.late.is_empty()).then(|| self.late.range(first..)),
        }
    }
}

/// Two sorted lists as one; of equal keys the newer counts.
fn merged<K: Ord, V>(old: Vec<(K, V)>, new: Vec<(K, V)>) -> Vec<(K, V)> {
    let mut all = Vec::with_capacity(old.len() + new.len());
    let mut old = old.into_iter().peekable();
    for one in new {
        while let Some(before) = old.next_if(|(key, _)| *key < one.0) {
            all.push(before);
        }
        let _ = old.next_if(|(key, _)| *key == one.0);
        all.push(one);
    }
    all.extend(old);
    all
}

impl<K: Ord, V: PartialEq> PartialEq for Sorted<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl<K: Ord + fmt::Debug, V: fmt::Debug> fmt::Debug for Sorted<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for Sorted<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut all = Self::default();
        all.restore(entries.into_iter().collect());
        all
    }
}

impl<K: Ord, V> std::ops::Index<&K> for Sorted<K, V> {
    type Output = V;

    fn index(&self, key: &K) -> &V {
        self.get(key).expect("who indexes knows the key")
    }
}

impl<'a, K: Ord, V> IntoIterator for &'a Sorted<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = Iter<'a, K, V>;

    fn into_iter(self) -> Iter<'a, K, V> {
        self.iter()
    }
}

/// Keys and values, in order.
#[derive(Debug)]
pub struct Iter<'a, K, V> {
    list: &'a [(K, V)],
    /// `None` once there are no more.
    late: Option<Range<'a, K, V>>,
}

impl<K, V> Clone for Iter<'_, K, V> {
    fn clone(&self) -> Self {
        Self {
            list: self.list,
            late: self.late.clone(),
        }
    }
}

impl<'a, K: Ord, V> Iter<'a, K, V> {
    /// The next late one, if it comes before the next of the list.
    #[cold]
    fn late(&mut self) -> Option<(&'a K, &'a V)> {
        let late = self.late.as_mut()?;
        let Some((key, _)) = late.clone().next() else {
            self.late = None;
            return None;
        };
        let first = self.list.first().is_none_or(|(listed, _)| key < listed);
        first.then(|| late.next()).flatten()
    }

    /// The same from the other end.
    #[cold]
    fn late_back(&mut self) -> Option<(&'a K, &'a V)> {
        let late = self.late.as_mut()?;
        let Some((key, _)) = late.clone().next_back() else {
            self.late = None;
            return None;
        };
        let last = self.list.last().is_none_or(|(listed, _)| key > listed);
        last.then(|| late.next_back()).flatten()
    }
}

impl<'a, K: Ord, V> Iterator for Iter<'a, K, V> {
    type Item = (&'a K, &'a V);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.late.is_some()
            && let Some(late) = self.late()
        {
            return Some(late);
        }
        let ((key, value), rest) = self.list.split_first()?;
        self.list = rest;
        Some((key, value))
    }

    fn nth(&mut self, n: usize) -> Option<Self::Item> {
        if self.late.is_none() {
            self.list = self.list.get(n..).unwrap_or_default();
        } else {
            (0..n).try_for_each(|_| self.next().map(drop))?;
        }
        self.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.list.len();
        (left, self.late.is_none().then_some(left))
    }
}

impl<K: Ord, V> DoubleEndedIterator for Iter<'_, K, V> {
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.late.is_some()
            && let Some(late) = self.late_back()
        {
            return Some(late);
        }
        let ((key, value), rest) = self.list.split_last()?;
        self.list = rest;
        Some((key, value))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// What is done to a map.
    #[derive(Debug, Clone)]
    enum Step {
        Write(u16, u8),
        Restore(Vec<(u16, u8)>),
        Remove(u16),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => (0..600_u16, any::<u8>()).prop_map(|(key, value)| Step::Write(key, value)),
            1 => proptest::collection::vec((0..600_u16, any::<u8>()), 0..300).prop_map(Step::Restore),
            1 => (0..600_u16).prop_map(Step::Remove),
        ]
    }

    fn follow(steps: &[Step]) -> (Sorted<u16, u8>, BTreeMap<u16, u8>) {
        let (mut sorted, mut map) = (Sorted::default(), BTreeMap::new());
        for step in steps {
            match step {
                Step::Write(key, value) => {
                    *sorted.get_or_default(*key) = *value;
                    map.insert(*key, *value);
                }
                Step::Restore(list) => {
                    sorted.restore(list.clone());
                    map.extend(list.iter().copied());
                }
                Step::Remove(key) => assert_eq!(sorted.remove(key), map.remove(key)),
            }
        }
        (sorted, map)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_sorted_list_says_what_a_sorted_map_says(
            steps in proptest::collection::vec(step(), 0..60),
            asked in proptest::collection::vec(0..600_u16, 0..20),
        ) {
            let (sorted, map) = follow(&steps);
            prop_assert_eq!(sorted.len(), map.len());
            prop_assert!(sorted.iter().eq(map.iter()));
            prop_assert!(sorted.iter().rev().eq(map.iter().rev()));
            prop_assert_eq!(&sorted, &map.iter().map(|(k, v)| (*k, *v)).collect());
            for key in asked {
                prop_assert_eq!(sorted.get(&key), map.get(&key));
                prop_assert!(sorted.range(&key).eq(map.range(key..)));
                let first = sorted.iter().next().map_or(0, |(first, _)| *first);
                let guess = usize::from(key.saturating_sub(first));
                prop_assert!(sorted.range_near(guess, &key).eq(map.range(key..)));
                let nth = usize::from(key) % 400;
                prop_assert_eq!(sorted.iter().nth(nth), map.iter().nth(nth));
            }
        }
    }
}
