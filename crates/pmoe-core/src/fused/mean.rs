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
    let [rows] = inputs[0].dims();
    let have_rows = |tensors: &[&Tensor<1>]| tensors.iter().all(|x| x.dims() == [rows]);
    if rows == 0 || !have_rows(&inputs) || !have_rows(&constants) {
        return None;
    }
    let constants = all(constants.map(host::if_constant))?;
    let inputs = all(inputs.map(Input::new))?;
    let mut derivatives = [(); N].map(|()| Vec::with_capacity(rows));
    let mut sum = 0.0;
    for row in 0..rows {
        let of_row = constants.each_ref().map(|constant| host::values(constant)[row]);
        let (value, slopes) = f(inputs.each_ref().map(|input| input.values()[row]), of_row);
        sum += value;
        derivatives.iter_mut().zip(slopes).for_each(|(all, slope)| all.push(slope / rows as f32));
    }
    let mut derivatives = derivatives.into_iter();
    let inputs = inputs.map(|input| (input, derivatives.next().expect("one for each input")));
    Some(known(vec![sum / rows as f32], inputs))
}

/// Returns the content of every element, or `None` if one is.
fn all<T, const N: usize>(options: [Option<T>; N]) -> Option<[T; N]> {
    options.iter().all(Option::is_some).then(|| options.map(|one| one.expect("it is some")))
}
