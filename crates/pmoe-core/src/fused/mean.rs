//! Means of a function over a batch, such as losses.

use burn::tensor::Tensor;

use super::host;
use super::known::{Input, known};

/// Computes `mean_b f(x_b, c_b)`, `[1]`, of inputs x and constants c; `None` if burn's operations
/// must be used.
///
/// `f` returns its value and its derivative with respect to each input.
///
/// # Shapes
/// - inputs, constants: `[B]`
///
/// # Gradients
/// Flow into the inputs.
pub(crate) fn mean_of<const N: usize, const M: usize>(
    inputs: [&Tensor<1>; N],
    constants: [&Tensor<1>; M],
    f: impl Fn([f32; N], [f32; M]) -> (f32, [f32; N]),
) -> Option<Tensor<1>> {
    means_of(1, inputs, constants, |_, inputs, constants| f(inputs, constants))
}

/// Computes the mean of each run, `[runs]`. `f` gets the number of the run, from 0.
///
/// # Shapes
/// - inputs, constants: `[runs · B]`
pub(crate) fn means_of<const N: usize, const M: usize>(
    runs: usize,
    inputs: [&Tensor<1>; N],
    constants: [&Tensor<1>; M],
    f: impl Fn(usize, [f32; N], [f32; M]) -> (f32, [f32; N]),
) -> Option<Tensor<1>> {
    let [rows] = inputs[0].dims();
    let have_rows = |tensors: &[&Tensor<1>]| tensors.iter().all(|x| x.dims() == [rows]);
    if rows == 0 || !have_rows(&inputs) || !have_rows(&constants) {
        return None;
    }
    let constants = all(constants.map(host::if_constant))?;
    let inputs = all(inputs.map(Input::new))?;
    let mut derivatives = [(); N].map(|()| Vec::with_capacity(rows));
    let count = rows / runs;
    let mean = |run: usize| {
        let mut sum = 0.0;
        for row in run * count..(run + 1) * count {
            let of_row = constants.each_ref().map(|constant| host::values(constant)[row]);
            let input = inputs.each_ref().map(|input| input.values()[row]);
            let (value, slopes) = f(run, input, of_row);
            sum += value;
            let all = derivatives.iter_mut().zip(slopes);
            all.for_each(|(all, slope)| all.push(slope / count as f32));
        }
        sum / count as f32
    };
    let means = (0..runs).map(mean).collect();
    let mut derivatives = derivatives.into_iter();
    let inputs = inputs.map(|input| (input, derivatives.next().expect("one for each input")));
    Some(known(means, inputs))
}

/// Returns the content of every element, or `None` if one is.
fn all<T, const N: usize>(options: [Option<T>; N]) -> Option<[T; N]> {
    options.iter().all(Option::is_some).then(|| options.map(|one| one.expect("it is some")))
}
