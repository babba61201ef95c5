//! Histories of a replay buffer, compared with a naive implementation.
#![allow(clippy::float_cmp, reason = "equal bits are meant")]

use pmoe_envs::Rng;
use proptest::array::uniform2;
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, proptest};
use proptest::sample::select;
use rand::SeedableRng;

use super::*;

/// Pushes a transition whose every number encodes its index.
fn push(buffer: &mut ReplayBuffer, index: usize) {
    let x = index as f32;
    buffer.push(Transition {
        obs: &[x, -x],
        action: &[x / 2.0],
        reward: x * 3.0,
        next_obs: &[x + 1.0, -x - 1.0],
        terminated: index.is_multiple_of(3),
        truncated: index.is_multiple_of(2),
    });
}

fn filled(capacity: usize, count: usize) -> ReplayBuffer {
    let mut buffer = ReplayBuffer::new(capacity, 2, 1);
    (0..count).for_each(|index| push(&mut buffer, index));
    buffer
}

/// Complete transitions, each a row of bits: `obs`, `action`, `reward`, `next_obs`,
/// `not_terminated`.
struct Reference {
    capacity: usize,
    head: usize,
    rows: Vec<Vec<u32>>,
}

impl Reference {
    fn push(&mut self, t: Transition<'_>) {
        let not_terminated = f32::from(!t.terminated);
        let row = bits(&[t.obs, t.action, &[t.reward], t.next_obs, &[not_terminated]].concat());
        if self.rows.len() < self.capacity {
            self.rows.push(row);
        } else {
            self.rows[self.head] = row;
        }
        self.head = (self.head + 1) % self.capacity;
    }

    fn sample(&self, count: usize, rng: &mut Rng) -> Vec<Vec<u32>> {
        (0..count).map(|_| self.rows[rng.random_range(0..self.rows.len())].clone()).collect()
    }
}

/// Converts a batch to the format of [`Reference`].
fn rows(batch: &Batch) -> Vec<Vec<u32>> {
    let row = |i: usize| {
        let [obs, next_obs] = [&batch.obs, &batch.next_obs].map(|field| &field[2 * i..2 * i + 2]);
        let [action, reward, not_terminated] =
            [&batch.action, &batch.reward, &batch.not_terminated].map(|field| &field[i..=i]);
        bits(&[obs, action, reward, next_obs, not_terminated].concat())
    };
    (0..batch.len).map(row).collect()
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

/// Generates rows of few distinct numbers, so that they are often equal, sometimes only in value or
/// in bits.
fn row() -> impl Strategy<Value = [f32; 2]> {
    uniform2(select(&[0.0, -0.0, 1.0, f32::NAN]))
}

impl ReplayBuffer {
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.write(&mut bytes).unwrap();
        bytes
    }

    fn load_bytes(&mut self, mut bytes: &[u8]) -> Result<(), CheckpointError> {
        self.read(&mut bytes)
    }
}

fn restored(buffer: &ReplayBuffer) -> ReplayBuffer {
    let mut restored = ReplayBuffer::new(buffer.capacity, buffer.obs_dim, buffer.action_dim);
    // The buffer has other contents and freed rows before, none of which may remain.
    let apart = (0..buffer.capacity).map(|index| 10 * index);
    apart.chain(1000..1004).for_each(|index| push(&mut restored, index));
    restored.load_bytes(&buffer.to_bytes()).unwrap();
    restored
}

proptest! {
    #[test]
    fn draws_whole_rows_among_the_latest(count in 1..40_usize, capacity in 1..12_usize) {
        let buffer = filled(capacity, count);
        prop_assert_eq!(buffer.len(), count.min(capacity));
        let mut batch = Batch::default();
        buffer.sample(64, &mut Rng::seed_from_u64(0), &mut batch);
        prop_assert_eq!(batch.len, 64);
        for row in 0..batch.len {
            let x = batch.obs[2 * row];
            let index = x as usize;
            prop_assert!(count.saturating_sub(capacity) <= index && index < count);
            prop_assert_eq!(&batch.obs[2 * row..2 * row + 2], &[x, -x]);
            prop_assert_eq!(batch.action[row], x / 2.0);
            prop_assert_eq!(batch.reward[row], x * 3.0);
            prop_assert_eq!(&batch.next_obs[2 * row..2 * row + 2], &[x + 1.0, -x - 1.0]);
            // Truncation (even indices) does not matter.
            prop_assert_eq!(batch.not_terminated[row] == 0.0, index.is_multiple_of(3));
        }
    }

    #[test]
    fn any_history_is_drawn_as_it_was_pushed(
        capacity in 1..8_usize,
        // `obs` if it differs from the latest `next_obs`; `next_obs`; both end flags; whether the
        // buffer is saved and restored first.
        history in vec((weighted(0.3, row()), row(), any::<[bool; 3]>()), 1..40),
    ) {
        let mut buffer = ReplayBuffer::new(capacity, 2, 1);
        let mut reference = Reference { capacity, head: 0, rows: Vec::new() };
        let (mut latest, mut batch) = ([0.0; 2], Batch::default());
        let mut rng = Rng::seed_from_u64(7);
        for (index, (obs, next_obs, [terminated, truncated, restore])) in
            history.into_iter().enumerate()
        {
            if restore {
                buffer = restored(&buffer);
            }
            let obs = obs.unwrap_or(latest);
            let (action, reward) = (&[index as f32], -(index as f32));
            let (obs, next_obs) = (&obs, &next_obs);
            let transition =
                Transition { obs, action, reward, next_obs, terminated, truncated };
            buffer.push(transition);
            reference.push(transition);
            latest = *next_obs;
            let mut reference_rng = rng.clone();
            let expected = reference.sample(16, &mut reference_rng);
            buffer.sample(16, &mut rng, &mut batch);
            prop_assert_eq!(rows(&batch), expected);
            prop_assert_eq!(&rng, &reference_rng);
        }
    }

    #[test]
    fn restored_bytes_continue_the_same(count in 0..20_usize, more in 1..20_usize) {
        let mut original = filled(7, count);
        let mut restored = restored(&original);
        for index in 0..more {
            push(&mut original, count + index);
            push(&mut restored, count + index);
        }
        prop_assert_eq!(original.to_bytes(), restored.to_bytes());
    }

    #[test]
    fn changed_bytes_are_an_error_or_a_buffer(at in 0..90_usize, value in any::<u8>()) {
        let mut bytes = filled(4, 6).to_bytes();
        let at = at % bytes.len();
        bytes[at] = value;
        let mut buffer = ReplayBuffer::new(4, 2, 1);
        if buffer.load_bytes(&bytes).is_ok() {
            push(&mut buffer, 6);
            buffer.sample(64, &mut Rng::seed_from_u64(0), &mut Batch::default());
            prop_assert_eq!(buffer.len(), 4);
        }
    }
}

#[test]
fn an_observation_is_kept_once() {
    let mut buffer = ReplayBuffer::new(10, 1, 1);
    // Episodes of five steps fill the ring three times. Observations skip a number between
    // episodes.
    for step in 0..30_u8 {
        let [obs, next_obs] = [step + step / 5, step + step / 5 + 1].map(f32::from);
        buffer.push(Transition {
            obs: &[obs],
            action: &[0.0],
            reward: 0.0,
            next_obs: &[next_obs],
            terminated: false,
            truncated: step % 5 == 4,
        });
    }
    // Two of the latest ten steps end an episode. The maximum was three rows, including that of the
    // newest step.
    let Pool { fresh, free, .. } = &buffer.own_next_obs;
    assert_eq!(*fresh as usize - free.len(), 2);
    assert_eq!(buffer.own_next_obs.fresh, 3);
    // Header, one byte per slot, four numbers per slot, two rows of one number.
    assert_eq!(buffer.to_bytes().len(), 16 + 10 + 4 * (10 * 4 + 2));
    // Observation, action, two more numbers and a row number: 11 + 3 + 2 + 1.
    assert_eq!(ReplayBuffer::bytes(1_000_000, 11, 3), 68_000_000);
}

#[test]
fn draws_are_uniform() {
    let buffer = filled(10, 10);
    let mut batch = Batch::default();
    buffer.sample(20_000, &mut Rng::seed_from_u64(4), &mut batch);
    let mut counts = [0_usize; 10];
    batch.obs.chunks(2).for_each(|row| counts[row[0] as usize] += 1);
    let chi_squared: f64 =
        counts.iter().map(|&count| (count as f64 - 2000.0).powi(2) / 2000.0).sum();
    // Nine degrees of freedom: 27.9 is the 0.1 % point.
    assert!(chi_squared < 27.9, "{counts:?}");
}

#[test]
fn bytes_of_another_buffer_are_an_error() {
    let bytes = filled(7, 5).to_bytes();
    let longer = [&bytes[..], &[0]].concat();
    for misfit in [&bytes[..bytes.len() - 1], &bytes[..10], &[], &longer] {
        assert!(ReplayBuffer::new(7, 2, 1).load_bytes(misfit).is_err());
    }
    assert!(ReplayBuffer::new(4, 2, 1).load_bytes(&bytes).is_err(), "smaller capacity");
    assert!(ReplayBuffer::new(7, 3, 1).load_bytes(&bytes).is_err(), "other dimensions");
    let mut full = filled(7, 9).to_bytes();
    assert!(ReplayBuffer::new(10, 2, 1).load_bytes(&full).is_err(), "larger than a full one");
    // The lowest byte of the count.
    full[8] += 7;
    assert!(ReplayBuffer::new(7, 2, 1).load_bytes(&full).is_err(), "no such slot");
}

#[test]
fn a_successor_out_of_place_is_an_error() {
    // Header, then 2 + 1 + 2 numbers per slot, then a byte per slot; the newest slot's is the last.
    let bytes = filled(7, 5).to_bytes();
    let newest = 16 + 5 * 5 * 4 + 4;
    assert_eq!(bytes[newest - 4..=newest], [0, 0, 0, 0, 1]);
    let mut elsewhere = bytes.clone();
    elsewhere.swap(newest, newest - 1);
    let mut unknown = bytes.clone();
    unknown[newest - 1] = 2;
    let mut missing = bytes.clone();
    missing[newest - 1] = 1;
    for misfit in [elsewhere, unknown, missing] {
        assert!(ReplayBuffer::new(7, 2, 1).load_bytes(&misfit).is_err());
    }
}

#[test]
fn another_format_is_named() {
    // The previous format: two counts, then the fields.
    let former = [0_u64, 0].map(u64::to_le_bytes).concat();
    let error = ReplayBuffer::new(7, 2, 1).load_bytes(&former).unwrap_err();
    assert!(error.to_string().contains("another version"), "{error}");
}

#[test]
fn rows_of_any_length_are_drawn_whole() {
    let mut buffer = ReplayBuffer::new(4, 3, 2);
    assert_eq!(buffer.action_dim(), 2);
    for index in 0..6 {
        let [o, a, n] = [0.0, 3.0, 6.0].map(|first| 10.0 * index as f32 + first);
        buffer.push(Transition {
            obs: &[o, o + 1.0, o + 2.0],
            action: &[a, a + 1.0],
            reward: o - 1.0,
            next_obs: &[n, n + 1.0, n + 2.0],
            terminated: false,
            truncated: false,
        });
    }
    let mut batch = Batch::default();
    buffer.sample(100, &mut Rng::seed_from_u64(0), &mut batch);
    for row in 0..batch.len {
        let [o, a, n] = [0.0, 3.0, 6.0].map(|first| batch.obs[3 * row] + first);
        assert_eq!(batch.obs[3 * row..3 * row + 3], [o, o + 1.0, o + 2.0]);
        assert_eq!(batch.action[2 * row..2 * row + 2], [a, a + 1.0]);
        assert_eq!(batch.reward[row], o - 1.0);
        assert_eq!(batch.next_obs[3 * row..3 * row + 3], [n, n + 1.0, n + 2.0]);
    }
}

#[test]
fn fields_longer_than_a_piece_are_written_and_read() {
    // A piece has 1024 numbers; the observations have 5000.
    let bytes = filled(3_000, 2_500).to_bytes();
    let mut restored = ReplayBuffer::new(3_000, 2, 1);
    restored.read(&mut &bytes[..]).unwrap();
    assert_eq!(restored.len(), 2_500);
    assert_eq!(restored.to_bytes(), bytes);
}

#[test]
fn every_row_has_a_number_that_does_not_mark_a_shared_one() {
    // Rows are numbered from 0, and the largest u32 is the mark.
    assert_eq!(ReplayBuffer::MAX_CAPACITY, 4_294_967_294);
}
