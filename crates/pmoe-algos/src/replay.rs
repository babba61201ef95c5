//! The replay buffer: a ring of transitions in host memory that stores each observation once.
//!
//! Within an episode, a transition's successor is the next transition's observation and not stored
//! again. A transition has a separate row for `next_obs` only where that does not hold: at the end
//! of an episode, and always for the newest transition. This depends only on the bits of the two
//! rows, not on end-of-episode flags, so that sampling returns exactly what was pushed.
//!
//! Separate rows come from a pool, which reuses rows of dropped transitions before new ones. A
//! transition has at most one, so `capacity` rows are always enough. Pages of rows that were never
//! used take no memory.

mod tensor_batch;

use std::io::{self, Read, Write};

use pmoe_envs::Rng;
use rand::RngExt;

pub use self::tensor_batch::TensorBatch;
use crate::agent::Transition;
use crate::checkpoint::CheckpointError;

/// The latest transitions, up to a capacity, sampled uniformly with replacement.
///
/// Each field is one block of memory. Pages that were never written take no memory.
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
    /// 0 where the MDP ended, else 1: the factor of the bootstrap term. It is computed only here,
    /// and truncation does not affect it.
    not_terminated: Vec<f32>,
    /// Row of `own_next_obs` with the successor, or [`SHARED`].
    next_row: Vec<u32>,
    own_next_obs: Pool,
}

/// Marks a successor that is the observation of the next slot.
const SHARED: u32 = u32::MAX;

/// Rows sampled from a [`ReplayBuffer`]. Sampling again reuses the memory.
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
    /// The maximum capacity: rows are numbered with u32, and one number is reserved.
    pub const MAX_CAPACITY: usize = SHARED as usize - 1;

    /// Creates an empty buffer for `capacity` transitions.
    ///
    /// # Panics
    /// If the capacity exceeds [`ReplayBuffer::MAX_CAPACITY`].
    pub fn new(capacity: usize, obs_dim: usize, action_dim: usize) -> Self {
        assert!(capacity <= Self::MAX_CAPACITY, "rows are numbered by u32");
        Self {
            obs_dim,
            action_dim,
            capacity,
            len: 0,
            head: 0,
            obs: vec![0.0; capacity * obs_dim],
            action: vec![0.0; capacity * action_dim],
            reward: vec![0.0; capacity],
            not_terminated: vec![0.0; capacity],
            next_row: vec![0; capacity],
            own_next_obs: Pool::new(capacity, obs_dim),
        }
    }

    /// Returns the size in bytes of a full buffer whose successors are all shared: observation,
    /// action, reward, whether the MDP ended, and a row number.
    ///
    /// Each end of an episode in the buffer adds a row of `obs_dim` numbers. In the worst case,
    /// episodes of one step, every transition has such a row.
    pub fn bytes(capacity: usize, obs_dim: usize, action_dim: usize) -> usize {
        let numbers = obs_dim.saturating_add(action_dim).saturating_add(2);
        let bytes = numbers.saturating_mul(size_of::<f32>()).saturating_add(size_of::<u32>());
        capacity.saturating_mul(bytes)
    }

    /// Returns the number of transitions.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns the number of an action's elements.
    pub(crate) fn action_dim(&self) -> usize {
        self.action_dim
    }

    /// Whether the buffer has no transitions.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds a transition. A full buffer drops its oldest one.
    ///
    /// # Panics
    /// If a length differs from the buffer's dimensions.
    pub fn push(&mut self, transition: Transition<'_>) {
        let slot = self.head;
        self.share_newest(transition.obs);
        if self.len == self.capacity {
            self.release(slot);
        }
        let row = |dim: usize| slot * dim..(slot + 1) * dim;
        self.obs[row(self.obs_dim)].copy_from_slice(transition.obs);
        self.action[row(self.action_dim)].copy_from_slice(transition.action);
        self.reward[slot] = transition.reward;
        self.not_terminated[slot] = if transition.terminated { 0.0 } else { 1.0 };
        self.next_row[slot] = self.own_next_obs.insert(transition.next_obs);
        self.head = (slot + 1) % self.capacity;
        self.len = (self.len + 1).min(self.capacity);
    }

    /// Frees the newest transition's separate successor if it equals `obs`, which is about to be
    /// pushed.
    fn share_newest(&mut self, obs: &[f32]) {
        if let Some(newest) = self.newest()
            && same_bits(self.next_obs(newest), obs)
        {
            self.release(newest);
        }
    }

    /// Returns the slot of the newest transition.
    fn newest(&self) -> Option<usize> {
        (!self.is_empty()).then(|| (self.head + self.capacity - 1) % self.capacity)
    }

    /// Frees the slot's separate row, if it has one.
    fn release(&mut self, slot: usize) {
        let row = std::mem::replace(&mut self.next_row[slot], SHARED);
        if row != SHARED {
            self.own_next_obs.remove(row);
        }
    }

    /// Returns the successor, `[O]`, from the pool or the next slot.
    fn next_obs(&self, slot: usize) -> &[f32] {
        match self.next_row[slot] {
            SHARED => self.obs((slot + 1) % self.capacity),
            row => self.own_next_obs.row(row),
        }
    }

    /// `[O]`
    fn obs(&self, slot: usize) -> &[f32] {
        &self.obs[slot * self.obs_dim..(slot + 1) * self.obs_dim]
    }

    /// Samples `count` transitions into `batch`, each uniformly from the whole buffer.
    ///
    /// # Panics
    /// If the buffer is empty.
    pub fn sample(&self, count: usize, rng: &mut Rng, batch: &mut Batch) {
        assert!(!self.is_empty(), "a transition is pushed before the first draw");
        batch.clear();
        batch.len = count;
        for _ in 0..count {
            let slot = rng.random_range(0..self.len);
            let action = slot * self.action_dim..(slot + 1) * self.action_dim;
            batch.obs.extend_from_slice(self.obs(slot));
            batch.action.extend_from_slice(&self.action[action]);
            batch.reward.push(self.reward[slot]);
            batch.next_obs.extend_from_slice(self.next_obs(slot));
            batch.not_terminated.push(self.not_terminated[slot]);
        }
    }

    /// Writes the contents as little-endian bytes.
    ///
    /// The format is a tag; the number of transitions as u64, plus the head's slot once the ring is
    /// full (before that, the head equals the number); the used part of each field as f32; one byte
    /// per slot, 1 where `next_obs` has a separate row; these rows in the order of their slots.
    /// Their places in the pool are not written, so equal contents give equal bytes.
    ///
    /// # Errors
    /// Returns an error if `out` fails.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let full = self.len == self.capacity;
        let place = if full { self.len + self.head } else { self.len };
        let next_row = &self.next_row[..self.len];
        out.write_all(FORMAT)?;
        out.write_all(&(place as u64).to_le_bytes())?;
        for (field, dim) in self.fields() {
            write(&field[..self.len * dim], out)?;
        }
        next_row.iter().try_for_each(|&row| out.write_all(&[u8::from(row != SHARED)]))?;
        let mut own = next_row.iter().filter(|&&row| row != SHARED);
        own.try_for_each(|&row| write(self.own_next_obs.row(row), out))
    }

    /// Reads what [`ReplayBuffer::write`] wrote from a buffer of the same dimensions.
    ///
    /// # Errors
    /// Returns an error if the bytes do not fit this buffer, which is then empty.
    pub fn read(&mut self, input: &mut dyn Read) -> Result<(), CheckpointError> {
        (self.len, self.head) = (0, 0);
        self.own_next_obs.clear();
        let error = |reason| CheckpointError::Content { part: "replay".to_owned(), reason };
        let mut format = [0; FORMAT.len()];
        if input.read_exact(&mut format).is_ok() && format != *FORMAT {
            return Err(error(
                "it was written by another version of this program; delete the checkpoint to start \
                 the run again"
                    .to_owned(),
            ));
        }
        let (len, head) = self.read_contents(input).ok_or_else(|| {
            self.own_next_obs.clear();
            error(format!(
                "it does not fit a buffer of {} transitions with {} observation and {} action values",
                self.capacity, self.obs_dim, self.action_dim
            ))
        })?;
        (self.len, self.head) = (len, head);
        Ok(())
    }

    /// Reads everything after the tag. Returns the number of transitions and the head, or `None` if
    /// the contents do not fit.
    fn read_contents(&mut self, input: &mut dyn Read) -> Option<(usize, usize)> {
        let mut place = [0; size_of::<u64>()];
        input.read_exact(&mut place).ok()?;
        let place = usize::try_from(u64::from_le_bytes(place)).ok()?;
        if place >= 2 * self.capacity {
            return None;
        }
        let (len, head) = (place.min(self.capacity), place % self.capacity);
        let dims = self.fields().map(|(_, dim)| dim);
        let fields = [&mut self.obs, &mut self.action, &mut self.reward, &mut self.not_terminated];
        for (field, dim) in fields.into_iter().zip(dims) {
            read(&mut field[..len * dim], input)?;
        }
        let mut is_own = vec![0_u8; len];
        input.read_exact(&mut is_own).ok()?;
        let newest_is_own = len == 0 || is_own[(head + self.capacity - 1) % self.capacity] == 1;
        if !newest_is_own || is_own.iter().any(|&byte| byte > 1) {
            return None;
        }
        for (next_row, is_own) in self.next_row.iter_mut().zip(is_own) {
            *next_row = if is_own == 1 { self.own_next_obs.read(input)? } else { SHARED };
        }
        let nothing_follows = input.read(&mut [0]).is_ok_and(|count| count == 0);
        nothing_follows.then_some((len, head))
    }

    /// Returns every field with its numbers per transition, in file order.
    fn fields(&self) -> [(&[f32], usize); 4] {
        [
            (&self.obs, self.obs_dim),
            (&self.action, self.action_dim),
            (&self.reward, 1),
            (&self.not_terminated, 1),
        ]
    }
}

/// The tag at the start of a buffer's file. The previous format began with a count.
const FORMAT: &[u8; 8] = b"replay 2";
/// Writes `values` as little-endian f32.
fn write(values: &[f32], out: &mut dyn Write) -> io::Result<()> {
    let mut bytes = [0; 1 << 12];
    for values in values.chunks(bytes.len() / size_of::<f32>()) {
        let bytes = &mut bytes[..size_of_val(values)];
        for (bytes, value) in bytes.chunks_exact_mut(size_of::<f32>()).zip(values) {
            bytes.copy_from_slice(&value.to_le_bytes());
        }
        out.write_all(bytes)?;
    }
    Ok(())
}

/// Fills `values` from little-endian f32. Returns `None` if the input is too short.
fn read(values: &mut [f32], input: &mut dyn Read) -> Option<()> {
    let mut bytes = [0; 1 << 12];
    for values in values.chunks_mut(bytes.len() / size_of::<f32>()) {
        let bytes = &mut bytes[..size_of_val(values)];
        input.read_exact(bytes).ok()?;
        for (value, bytes) in values.iter_mut().zip(bytes.chunks_exact(size_of::<f32>())) {
            *value = f32::from_le_bytes(bytes.try_into().expect("four bytes"));
        }
    }
    Some(())
}

/// Whether two rows are bitwise equal. This distinguishes NaNs and signed zeros.
fn same_bits(a: &[f32], b: &[f32]) -> bool {
    // No early exit, so that it vectorises.
    let differing = a.iter().zip(b).fold(0, |bits, (a, b)| bits | (a.to_bits() ^ b.to_bits()));
    a.len() == b.len() && differing == 0
}

/// Rows that are allocated one by one and freed in any order.
#[derive(Debug, Clone)]
struct Pool {
    dim: usize,
    /// `[capacity, dim]`
    rows: Vec<f32>,
    /// Number of the first row that was never used.
    fresh: u32,
    /// Freed rows. The latest is reused first.
    free: Vec<u32>,
}

impl Pool {
    fn new(capacity: usize, dim: usize) -> Self {
        let free = Vec::with_capacity(capacity);
        Self { dim, rows: vec![0.0; capacity * dim], fresh: 0, free }
    }

    /// Stores a copy of `row`, `[dim]`, and returns its number.
    fn insert(&mut self, row: &[f32]) -> u32 {
        let number = self.free.pop().unwrap_or_else(|| {
            self.fresh += 1;
            self.fresh - 1
        });
        let range = self.range(number);
        self.rows[range].copy_from_slice(row);
        number
    }

    fn remove(&mut self, number: u32) {
        self.free.push(number);
    }

    fn row(&self, number: u32) -> &[f32] {
        &self.rows[self.range(number)]
    }

    fn range(&self, number: u32) -> std::ops::Range<usize> {
        let at = number as usize * self.dim;
        at..at + self.dim
    }

    /// Frees every row.
    fn clear(&mut self) {
        self.free.clear();
        self.fresh = 0;
    }

    /// Reads a row and returns its number, or `None` at the end of the input.
    fn read(&mut self, input: &mut dyn Read) -> Option<u32> {
        let number = self.fresh;
        let range = self.range(number);
        read(&mut self.rows[range], input)?;
        self.fresh += 1;
        Some(number)
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
mod tests;
