//! Layers of networks, to count what they hold without building them.

/// Inputs and outputs of a linear layer.
pub(crate) type Layer = (usize, usize);

/// The layers between the given sizes, the input's first.
pub(crate) fn chain(sizes: &[usize]) -> Vec<Layer> {
    sizes.windows(2).map(|pair| (pair[0], pair[1])).collect()
}

/// The layers of a multi-layer perceptron.
pub(crate) fn mlp(inputs: usize, hidden: &[usize], outputs: usize) -> Vec<Layer> {
    chain(&[&[inputs], hidden, &[outputs]].concat())
}
