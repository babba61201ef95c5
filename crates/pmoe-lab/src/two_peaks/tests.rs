use burn::tensor::{Device, TensorData};

use super::*;

#[test]
fn the_value_of_tensors_is_that_of_the_peaks() {
    let (states, actions) = ([-0.4, 0.1], [-0.6, 0.2, 0.55, -0.3]);
    let tensor = |values: &[f64], rows: usize| {
        let data = TensorData::new(values.to_vec(), [rows, 1]);
        Tensor::<2>::from_data(data, &Device::flex())
    };
    let found = value(tensor(&states, 2), tensor(&actions, 4));
    let found = found.try_into_vec_as::<f64>().unwrap();
    for (index, (found, action)) in found.into_iter().zip(actions).enumerate() {
        let peaks = peaks(states[index / 2]);
        let expected: f64 = peaks.iter().map(|peak| peak.value(action)).sum();
        assert!((found - expected).abs() < 1e-5, "{found} is not {expected}");
    }
}

fn trained(settings: Settings, names: &[&str], threads: usize) -> TwoPeaks {
    let chosen: Vec<Method> =
        methods().into_iter().filter(|method| names.contains(&method.name)).collect();
    two_peaks(settings, &chosen, NonZeroUsize::new(threads).unwrap(), &mut || ()).unwrap()
}

#[test]
fn results_depend_on_the_seed_alone() {
    let settings = Settings { seeds: 2, updates: 20, ..Settings::standard() };
    let one = trained(settings.clone(), &["sac", "pmoe-sac-marginal"], 1);
    let two = trained(settings, &["sac", "pmoe-sac-marginal"], 3);
    assert_eq!(one, two);
    assert_ne!(one.methods[0].seeds[0], one.methods[0].seeds[1]);
}

#[test]
fn every_method_trains() {
    let settings = Settings { seeds: 1, updates: 3, ..Settings::standard() };
    let all = methods();
    let found = two_peaks(settings, &all, NonZeroUsize::MIN, &mut || ()).unwrap();
    assert_eq!(found.methods.len(), all.len());
    for method in &found.methods {
        assert!(method.seeds[0].objective.is_finite(), "{}", method.name);
        assert!(method.seeds[0].objective < found.best_objective, "{}", method.name);
    }
}

/// The longest of the tests: ten policies at the full length, half a minute on an idle core.
#[test]
fn a_mixture_covers_both_peaks_and_beats_sac_on_every_seed() {
    let found = trained(Settings::standard(), &["sac", "pmoe-sac-marginal"], 2);
    let [sac, marginal] = &found.methods[..] else { panic!("two methods were trained") };
    for (sac, marginal) in sac.seeds.iter().zip(&marginal.seeds) {
        assert!(0.95 <= marginal.both, "{marginal:?}");
        assert!(sac.objective + 0.2 <= marginal.objective, "{sac:?}, {marginal:?}");
    }
}
