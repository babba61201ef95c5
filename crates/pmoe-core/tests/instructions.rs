//! Every instruction set that the processor has gives the same values. One test, as the limit holds
//! for the whole process.

use burn::module::Param;
use burn::tensor::{Device, Tensor};
use pmoe_core::burn;
use pmoe_core::engine::{Engine, with_engine};

use pmoe_core::instructions::{Instructions, limit_instructions};
use pmoe_core::nn::Mlp;
use pmoe_core::rand::SeedableRng;
use pmoe_core::rand::rngs::Xoshiro256PlusPlus;

#[test]
fn values_and_gradients_do_not_depend_on_the_instructions() {
    let device = Device::flex().autodiff();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(0);
    let network = Mlp::new(&[11, 256, 256, 3], &mut rng, &device);
    let normalised = network.clone().normalised(&mut rng, &device);
    let input =
        pmoe_core::noise::normal([100, 11], &mut rng, &Device::flex()).autodiff().require_grad();
    let vec = |x: Tensor<2>| x.try_to_vec_as::<f32>().expect("floats");
    let of_network = |network: &Mlp| {
        let output = network.forward(input.clone());
        let grads = output.clone().powi_scalar(2).sum().backward();
        [vec(output), vec(input.grad(&grads).expect("a gradient"))]
    };
    let values = || [of_network(&network), of_network(&normalised)].concat();
    // Products with the identity are exact in any order, so what is left is the normalisation, whose
    // bits are the same. Two columns more than are summed side by side.
    let identity = Tensor::<2>::eye(34, &Device::flex()).autodiff().require_grad();
    let mut only_norm = Mlp::trunk(&[34, 34], &mut rng, &device).normalised(&mut rng, &device);
    only_norm.layers[0].weight = Param::from_tensor(identity);
    let rows = pmoe_core::noise::normal([50, 34], &mut rng, &Device::flex());
    let rows = rows.autodiff().require_grad();
    let bits = || {
        let output = only_norm.forward(rows.clone());
        let grads = output.clone().powi_scalar(2).sum().backward();
        let gamma = only_norm.norms[0].gamma.val().grad(&grads).expect("a gradient");
        let all = [output, rows.grad(&grads).expect("a gradient"), gamma.unsqueeze()].map(vec);
        all.concat().into_iter().map(f32::to_bits).collect::<Vec<_>>()
    };
    let expected_bits = bits();
    let expected = with_engine(Engine::Plain, values);
    for instructions in Instructions::ALL {
        if limit_instructions(instructions).is_err() {
            continue;
        }
        assert_eq!(Instructions::in_use(), instructions);
        assert_eq!(bits(), expected_bits, "{}", instructions.name());
        for (found, expected) in values().iter().zip(&expected) {
            let largest = expected.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
            for (x, y) in found.iter().zip(expected) {
                assert!((x - y).abs() <= 1e-5 * largest, "{}: {x} and {y}", instructions.name());
            }
        }
    }
}
