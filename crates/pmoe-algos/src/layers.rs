//! Shapes of network layers, for counting parameters without building networks.

/// Input and output size of a linear layer.
pub(crate) type Layer = (usize, usize);

/// Returns the layers between the given sizes, starting with the input's.
pub(crate) fn chain(sizes: &[usize]) -> Vec<Layer> {
    sizes.windows(2).map(|pair| (pair[0], pair[1])).collect()
}

/// Returns the layers of a multi-layer perceptron.
pub(crate) fn mlp(inputs: usize, hidden: &[usize], outputs: usize) -> Vec<Layer> {
    chain(&[&[inputs], hidden, &[outputs]].concat())
}

/// Returns a layer with as many parameters as a layer normalisation has: γ and β of each unit.
pub(crate) fn layer_norm(units: usize) -> Layer {
    (1, units)
}
