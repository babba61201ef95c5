//! Adding a transition, sampling a batch and drawing exploration noise must not allocate memory.

use allocation_counter::measure;
use pmoe_algos::Transition;
use pmoe_algos::replay::{Batch, ReplayBuffer};
use pmoe_core::noise::fill_uniform;
use pmoe_envs::Rng;
use rand::SeedableRng;

#[test]
fn a_full_replay_buffer_allocates_nothing() {
    let mut buffer = ReplayBuffer::new(50, 3, 2);
    let (mut batch, mut rng) = (Batch::default(), Rng::seed_from_u64(0));
    let (mut row, mut next_obs) = ([0.0; 5], [0.0; 3]);
    let mut steps = |count: usize| {
        for index in 0..count {
            row[..3].copy_from_slice(&next_obs);
            fill_uniform(&mut row[3..], &mut rng);
            fill_uniform(&mut next_obs, &mut rng);
            let terminated = index % 7 == 0;
            let (obs, action) = row.split_at(3);
            let reward = action[0];
            let next_obs = &next_obs;
            buffer.push(Transition { obs, action, reward, next_obs, terminated, truncated: false });
            buffer.sample(16, &mut rng, &mut batch);
        }
    };
    // The first batch allocates.
    steps(1);
    assert_eq!(measure(|| steps(200)).count_total, 0);
}
