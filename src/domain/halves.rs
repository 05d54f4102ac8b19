//! Questions about many values, answered in two halves, at the same time where that is possible.

use std::sync::OnceLock;

/// Calls both, each once, and comes back when both are done.
pub type Both = fn(&mut dyn FnMut(), &mut (dyn FnMut() + Send));

/// Without a word about it, one after the other: the core knows of no threads.
static BOTH: OnceLock<Both> = OnceLock::new();

/// Sets how two things are done at the same time. The first word counts.
pub fn set_both(both: Both) {
    BOTH.get_or_init(|| both);
}

/// Fewer values than this are dealt with before a thread has started.
pub const WORTH: usize = 3_000;

/// The answers for the first and the second half of `values`, or one for all if they are few.
pub fn in_halves<T: Sync, R: Send>(values: &[T], work: impl Fn(&[T]) -> R + Sync) -> Vec<R> {
    if values.len() < WORTH {
        return vec![work(values)];
    }
    let (first, second) = values.split_at(values.len() / 2);
    let (first, second) = side_by_side(|| work(first), || work(second));
    vec![first, second]
}

/// Two answers, at the same time if that is possible here.
pub fn side_by_side<A, B: Send>(
    first: impl FnOnce() -> A,
    second: impl FnOnce() -> B + Send,
) -> (A, B) {
    let Some(both) = BOTH.get() else {
        return (first(), second());
    };
    let (mut first, mut second) = (Some(first), Some(second));
    let (mut one, mut other) = (None, None);
    both(&mut || one = first.take().map(|first| first()), &mut || {
        other = second.take().map(|second| second())
    });
    (
        one.expect("both were called"),
        other.expect("both were called"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_values_are_dealt_with_in_two_halves_and_few_in_one() {
        for (count, parts) in [(0, 1), (WORTH - 1, 1), (WORTH, 2), (WORTH + 7, 2)] {
            let values: Vec<usize> = (0..count).collect();
            let answers = in_halves(&values, <[usize]>::to_vec);
            assert_eq!(answers.len(), parts);
            assert_eq!(answers.concat(), values);
        }
    }
}
