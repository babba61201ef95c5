//! Every instruction set that the processor has gives the same values. One test, as the limit holds
//! for the whole process.

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
    let input =
        pmoe_core::noise::normal([100, 11], &mut rng, &Device::flex()).autodiff().require_grad();
    let values = || {
        let output = network.forward(input.clone());
        let grads = output.clone().powi_scalar(2).sum().backward();
        let vec = |x: Tensor<2>| x.try_to_vec_as::<f32>().expect("floats");
        [vec(output), vec(input.grad(&grads).expect("a gradient"))]
    };
    let expected = with_engine(Engine::Plain, values);
    for instructions in Instructions::ALL {
        if limit_instructions(instructions).is_err() {
            continue;
        }
        assert_eq!(Instructions::in_use(), instructions);
        for (found, expected) in values().iter().zip(&expected) {
            let largest = expected.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
            for (x, y) in found.iter().zip(expected) {
                assert!((x - y).abs() <= 1e-5 * largest, "{}: {x} and {y}", instructions.name());
            }
        }
    }
}
