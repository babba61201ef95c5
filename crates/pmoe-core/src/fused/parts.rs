//! Memory that holds as much of each of several [runs](crate::runs).

/// Returns the part of a run.
pub(super) fn part<T>(all: &[T], run: usize, runs: usize) -> &[T] {
    let len = all.len() / runs;
    &all[run * len..(run + 1) * len]
}

/// Returns the part of a run, to be changed.
pub(super) fn part_mut<T>(all: &mut [T], run: usize, runs: usize) -> &mut [T] {
    let len = all.len() / runs;
    &mut all[run * len..(run + 1) * len]
}

/// Joins what is computed for each run.
pub(super) fn joined(runs: usize, of_run: impl FnMut(usize) -> Vec<f32>) -> Vec<f32> {
    let join = |mut all: Vec<f32>, part: Vec<f32>| {
        all.extend_from_slice(&part);
        all
    };
    (0..runs).map(of_run).reduce(join).unwrap_or_default()
}
