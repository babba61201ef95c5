//! Conversion between the precision of tasks (64 bits) and of learners (32 bits).

/// Rounds an observation to 32 bits.
///
/// # Panics
/// If the lengths differ.
pub fn obs_to_f32(obs: &[f64], to: &mut [f32]) {
    assert_eq!(obs.len(), to.len(), "the observation fits");
    to.iter_mut().zip(obs).for_each(|(to, from)| *to = *from as f32);
}

/// Converts an action to 64 bits, without changing any value.
///
/// # Panics
/// If the lengths differ.
pub fn action_to_f64(action: &[f32], to: &mut [f64]) {
    assert_eq!(action.len(), to.len(), "the action fits");
    to.iter_mut().zip(action).for_each(|(to, from)| *to = f64::from(*from));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn observations_are_rounded_to_the_nearest_and_actions_kept() {
        let mut seen = [f32::NAN; 3];
        obs_to_f32(&[0.1, 1.0 + 2.0_f64.powi(-25), 1e300], &mut seen);
        assert_eq!(seen.map(f32::to_bits), [0.1_f32, 1.0, f32::INFINITY].map(f32::to_bits));
        let mut taken = [f64::NAN; 2];
        action_to_f64(&[-0.0, 0.1], &mut taken);
        // 0.1_f32 is 13421773 / 2^27.
        assert_eq!(
            taken.map(f64::to_bits),
            [-0.0, 13_421_773.0 / 2.0_f64.powi(27)].map(f64::to_bits)
        );
    }
}
