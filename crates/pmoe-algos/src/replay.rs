//! The replay buffer: a ring of transitions in host memory.

use pmoe_core::noise::Rng;
use rand::RngExt;

use crate::agent::Transition;
use crate::checkpoint::CheckpointError;

/// The latest transitions, up to a capacity; sampled uniformly with replacement.
///
/// One block of memory per field; pages that were never written take no memory.
#[derive(Debug, Clone)]
pub struct ReplayBuffer {
    obs_dim: usize,
    action_dim: usize,
    capacity: usize,
    len: usize,
    /// Slot of the next transition.
    head: usize,
    obs: Vec<f32>,
    action: Vec<f32>,
    reward: Vec<f32>,
    next_obs: Vec<f32>,
    /// 0 where the MDP ended, else 1: the factor of the bootstrap term. Computed here and nowhere
    /// else; truncation plays no part.
    not_terminated: Vec<f32>,
}

/// Rows drawn from a [`ReplayBuffer`]; the memory is used again by the next draw.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Number B of rows.
    pub len: usize,
    /// `[B, O]`
    pub obs: Vec<f32>,
    /// `[B, A]`
    pub action: Vec<f32>,
    /// `[B]`
    pub reward: Vec<f32>,
    /// `[B, O]`
    pub next_obs: Vec<f32>,
    /// `[B]`: 0 where the MDP ended, else 1.
    pub not_terminated: Vec<f32>,
}

impl ReplayBuffer {
    /// An empty buffer for `capacity` transitions.
    pub fn new(capacity: usize, obs_dim: usize, action_dim: usize) -> Self {
        Self {
            obs_dim,
            action_dim,
            capacity,
            len: 0,
            head: 0,
            obs: vec![0.0; capacity * obs_dim],
            action: vec![0.0; capacity * action_dim],
            reward: vec![0.0; capacity],
            next_obs: vec![0.0; capacity * obs_dim],
            not_terminated: vec![0.0; capacity],
        }
    }

    /// Memory (bytes) of a full buffer.
    pub fn bytes(capacity: usize, obs_dim: usize, action_dim: usize) -> usize {
        capacity * (2 * obs_dim + action_dim + 2) * size_of::<f32>()
    }

    /// Transitions kept.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing was pushed yet.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds a transition; a full buffer forgets its oldest.
    ///
    /// # Panics
    /// When a length differs from the buffer's dimensions.
    pub fn push(&mut self, transition: Transition<'_>) {
        let slot = self.head;
        let row = |dim: usize| slot * dim..(slot + 1) * dim;
        self.obs[row(self.obs_dim)].copy_from_slice(transition.obs);
        self.action[row(self.action_dim)].copy_from_slice(transition.action);
        self.reward[slot] = transition.reward;
        self.next_obs[row(self.obs_dim)].copy_from_slice(transition.next_obs);
        self.not_terminated[slot] = if transition.terminated { 0.0 } else { 1.0 };
        self.head = (slot + 1) % self.capacity;
        self.len = (self.len + 1).min(self.capacity);
    }

    /// Draws `count` transitions into `batch`, each uniformly among all that are kept.
    ///
    /// # Panics
    /// When the buffer is empty.
    pub fn sample(&self, count: usize, rng: &mut Rng, batch: &mut Batch) {
        assert!(!self.is_empty(), "a transition is pushed before the first draw");
        batch.clear();
        batch.len = count;
        for _ in 0..count {
            let slot = rng.random_range(0..self.len);
            let row = |dim: usize| slot * dim..(slot + 1) * dim;
            batch.obs.extend_from_slice(&self.obs[row(self.obs_dim)]);
            batch.action.extend_from_slice(&self.action[row(self.action_dim)]);
            batch.reward.push(self.reward[slot]);
            batch.next_obs.extend_from_slice(&self.next_obs[row(self.obs_dim)]);
            batch.not_terminated.push(self.not_terminated[slot]);
        }
    }

    /// The contents as little-endian bytes: `len` and `head` as u64, then the used part of each
    /// field as f32.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes =
            Vec::with_capacity(16 + Self::bytes(self.len, self.obs_dim, self.action_dim));
        bytes.extend_from_slice(&(self.len as u64).to_le_bytes());
        bytes.extend_from_slice(&(self.head as u64).to_le_bytes());
        for (field, dim) in self.fields() {
            field[..self.len * dim].iter().for_each(|x| bytes.extend_from_slice(&x.to_le_bytes()));
        }
        bytes
    }

    /// Restores what [`ReplayBuffer::to_bytes`] gave for a buffer of the same dimensions.
    ///
    /// # Errors
    /// When the bytes do not fit this buffer.
    pub fn load_bytes(&mut self, bytes: &[u8]) -> Result<(), CheckpointError> {
        let misfit = || CheckpointError::Content {
            part: "replay".to_owned(),
            reason: format!(
                "{} bytes do not fit a buffer of {} transitions of {} + {} numbers",
                bytes.len(),
                self.capacity,
                self.obs_dim,
                self.action_dim
            ),
        };
        let (counts, data) = bytes.split_at_checked(16).ok_or_else(misfit)?;
        let count = |at: usize| {
            let bytes = counts[at..at + 8].try_into().expect("eight bytes");
            usize::try_from(u64::from_le_bytes(bytes)).unwrap_or(usize::MAX)
        };
        let (len, head) = (count(0), count(8));
        let fits = len <= self.capacity
            && head < self.capacity
            && data.len() == Self::bytes(len, self.obs_dim, self.action_dim);
        if !fits {
            return Err(misfit());
        }
        (self.len, self.head) = (len, head);
        let mut values =
            data.chunks_exact(4).map(|x| f32::from_le_bytes(x.try_into().expect("four bytes")));
        let dims = self.fields().map(|(_, dim)| dim);
        let fields = [
            &mut self.obs,
            &mut self.action,
            &mut self.reward,
            &mut self.next_obs,
            &mut self.not_terminated,
        ];
        for (field, dim) in fields.into_iter().zip(dims) {
            field[..len * dim].iter_mut().zip(&mut values).for_each(|(slot, value)| *slot = value);
        }
        Ok(())
    }

    /// Every field with the numbers it has per transition, in the order of the file.
    fn fields(&self) -> [(&[f32], usize); 5] {
        [
            (&self.obs, self.obs_dim),
            (&self.action, self.action_dim),
            (&self.reward, 1),
            (&self.next_obs, self.obs_dim),
            (&self.not_terminated, 1),
        ]
    }
}

impl Batch {
    fn clear(&mut self) {
        self.len = 0;
        self.obs.clear();
        self.action.clear();
        self.reward.clear();
        self.next_obs.clear();
        self.not_terminated.clear();
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "equal bits are meant")]
mod tests {
    use pmoe_core::noise::Rng;
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};
    use rand::SeedableRng;

    use super::*;

    /// A transition whose every number tells its index.
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
                // Truncation (even indices) plays no part.
                prop_assert_eq!(batch.not_terminated[row] == 0.0, index.is_multiple_of(3));
            }
        }

        #[test]
        fn restored_bytes_continue_the_same(count in 0..20_usize, more in 1..20_usize) {
            let mut original = filled(7, count);
            let mut restored = ReplayBuffer::new(7, 2, 1);
            restored.load_bytes(&original.to_bytes()).unwrap();
            for index in 0..more {
                push(&mut original, count + index);
                push(&mut restored, count + index);
            }
            prop_assert_eq!(original.to_bytes(), restored.to_bytes());
        }
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
        for misfit in [&bytes[..bytes.len() - 1], &bytes[..10], &[]] {
            assert!(ReplayBuffer::new(7, 2, 1).load_bytes(misfit).is_err());
        }
        assert!(ReplayBuffer::new(4, 2, 1).load_bytes(&bytes).is_err(), "smaller capacity");
        assert!(ReplayBuffer::new(7, 3, 1).load_bytes(&bytes).is_err(), "other dimensions");
    }
}
