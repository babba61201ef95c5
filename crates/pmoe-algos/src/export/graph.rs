//! Builds an ONNX graph: each function appends operations and returns their result.

use burn::nn::{LayerNorm, Linear};
use burn::tensor::Tensor;
use pmoe_core::fused::{Activation, LAYER_NORM_EPSILON};
use pmoe_core::nn::Mlp;
use prost::Message;

use super::messages::{self, Attribute, DataType, INT, Node, Port, SizeValue};
use crate::policy::LogStd;

/// The first operator set with all operations that are used here.
const OPERATOR_SET: i64 = 17;

/// The version of the file format that came with it.
const IR_VERSION: i64 = 8;

/// The name of the free first size of every input and output.
const BATCH: &str = "batch";

/// Operations so far.
#[derive(Default)]
pub(super) struct Graph {
    graph: messages::Graph,
}

/// A tensor of the graph.
#[derive(Debug, Clone)]
pub(super) struct Value(String);

impl Graph {
    /// Adds an input of the shape `[batch, sizes..]`.
    pub(super) fn input(
        &mut self,
        name: &str,
        kind: DataType,
        sizes: &[usize],
        doc: &str,
    ) -> Value {
        self.graph.input.push(port(name, kind, sizes, doc));
        Value(name.to_owned())
    }

    /// Makes `value`, of the shape `[batch, sizes..]`, an output.
    pub(super) fn output(
        &mut self,
        name: &str,
        kind: DataType,
        sizes: &[usize],
        doc: &str,
        value: &Value,
    ) {
        self.graph.output.push(port(name, kind, sizes, doc));
        self.push("Identity", &[value], Vec::new(), name);
    }

    /// Finishes the file, with text about it.
    pub(super) fn finish(self, metadata: Vec<(&str, String)>) -> Vec<u8> {
        let property =
            |(key, value): (&str, String)| messages::Property { key: key.to_owned(), value };
        let model = messages::Model {
            ir_version: IR_VERSION,
            producer_name: "pmoe".to_owned(),
            producer_version: env!("CARGO_PKG_VERSION").to_owned(),
            graph: Some(messages::Graph { name: "policy".to_owned(), ..self.graph }),
            opset_import: vec![messages::OperatorSet {
                domain: String::new(),
                version: OPERATOR_SET,
            }],
            metadata_props: metadata.into_iter().map(property).collect(),
        };
        model.encode_to_vec()
    }

    /// Adds an operation with one result.
    pub(super) fn op(&mut self, kind: &str, inputs: &[&Value]) -> Value {
        self.op_with(kind, inputs, &[])
    }

    /// Adds an operation with settings.
    pub(super) fn op_with(
        &mut self,
        kind: &str,
        inputs: &[&Value],
        attributes: &[(&str, i64)],
    ) -> Value {
        let name = format!("{kind}_{}", self.graph.node.len());
        let attribute =
            |(name, i): &(&str, i64)| Attribute { name: (*name).to_owned(), i: *i, kind: INT };
        self.push(kind, inputs, attributes.iter().map(attribute).collect(), &name);
        Value(name)
    }

    fn push(&mut self, kind: &str, inputs: &[&Value], attribute: Vec<Attribute>, output: &str) {
        self.graph.node.push(Node {
            input: inputs.iter().map(|value| value.0.clone()).collect(),
            output: vec![output.to_owned()],
            name: format!("{kind}_{}", self.graph.node.len()),
            op_type: kind.to_owned(),
            attribute,
        });
    }

    /// Adds single-precision constants.
    pub(super) fn floats(&mut self, sizes: &[usize], values: &[f32]) -> Value {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(None, DataType::Float, sizes, bytes)
    }

    /// Adds double-precision constants.
    pub(super) fn doubles(&mut self, sizes: &[usize], values: &[f64]) -> Value {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(None, DataType::Double, sizes, bytes)
    }

    /// Adds a vector of whole numbers.
    pub(super) fn ints(&mut self, values: &[i64]) -> Value {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(None, DataType::Int, &[values.len()], bytes)
    }

    /// Adds a number.
    pub(super) fn scalar(&mut self, value: f64) -> Value {
        self.floats(&[], &[value as f32])
    }

    /// Adds the values of a parameter under its name.
    pub(super) fn parameter<const D: usize>(&mut self, name: &str, tensor: Tensor<D>) -> Value {
        let sizes = tensor.dims();
        let values = tensor.try_into_vec_as::<f32>().expect("parameters are floats");
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(Some(name), DataType::Float, &sizes, bytes)
    }

    fn constant(
        &mut self,
        name: Option<&str>,
        kind: DataType,
        sizes: &[usize],
        raw_data: Vec<u8>,
    ) -> Value {
        let number = self.graph.initializer.len();
        let name = name.map_or_else(|| format!("constant_{number}"), str::to_owned);
        let dims = sizes.iter().map(|size| *size as i64).collect();
        let tensor =
            messages::Tensor { dims, data_type: kind as i32, name: name.clone(), raw_data };
        self.graph.initializer.push(tensor);
        Value(name)
    }

    /// Computes `x W + b`.
    pub(super) fn linear(&mut self, name: &str, layer: &Linear, x: &Value) -> Value {
        let weight = self.parameter(&format!("{name}.weight"), layer.weight.val());
        let bias = layer.bias.as_ref().expect("all layers have biases").val();
        let bias = self.parameter(&format!("{name}.bias"), bias);
        self.op("Gemm", &[x, &weight, &bias])
    }

    /// Computes a network's output, `[N, ..]`.
    pub(super) fn mlp(&mut self, name: &str, network: &Mlp, x: &Value) -> Value {
        let first = self.linear(&format!("{name}.layers.0"), &network.layers[0], x);
        self.after_first(name, network, first)
    }

    /// Computes a network's output from that of its first layer before the norm.
    fn after_first(&mut self, name: &str, network: &Mlp, first: Value) -> Value {
        let mut x = first;
        for (index, layer) in network.layers.iter().enumerate() {
            if index > 0 {
                x = self.linear(&format!("{name}.layers.{index}"), layer, &x);
            }
            if let Some(norm) = network.norms.get(index) {
                x = self.layer_norm(&format!("{name}.norms.{index}"), norm, &x);
            }
            x = match network.activation(index) {
                Activation::Identity => x,
                Activation::Relu => self.op("Relu", &[&x]),
                Activation::Tanh => self.op("Tanh", &[&x]),
            };
        }
        x
    }

    /// Computes a network's output, `[B·K, ..]`, for K actions at each state.
    ///
    /// The first layer is `W_s s + W_a a + b`, and the state's part is the same for all its actions.
    ///
    /// # Shapes
    /// - `obs`: `[B, O]`, `actions`: `[B, K, A]`
    pub(super) fn mlp_of_actions(
        &mut self,
        name: &str,
        network: &Mlp,
        obs: &Value,
        actions: &Value,
        obs_dim: usize,
    ) -> Value {
        let (layer, name_of) = (&network.layers[0], |part| format!("{name}.layers.0.{part}"));
        let weight = layer.weight.val();
        let [inputs, units] = weight.dims();
        let of_obs = weight.clone().narrow(0, 0, obs_dim);
        let of_action = weight.narrow(0, obs_dim, inputs - obs_dim);
        let of_obs = self.parameter(&name_of("weight.obs"), of_obs);
        let of_action = self.parameter(&name_of("weight.action"), of_action);
        let bias = layer.bias.as_ref().expect("all layers have biases").val();
        let bias = self.parameter(&name_of("bias"), bias);
        let of_obs = self.op("Gemm", &[obs, &of_obs, &bias]);
        let of_obs = self.unsqueeze(&of_obs, 1);
        let of_action = self.op("MatMul", &[actions, &of_action]);
        let first = self.op("Add", &[&of_obs, &of_action]);
        let first = self.reshape(&first, &[-1, units as i64]);
        self.after_first(name, network, first)
    }

    /// Normalises each row, and scales and shifts it.
    fn layer_norm(&mut self, name: &str, norm: &LayerNorm, x: &Value) -> Value {
        // The operation's own ε, and axis, are those of ours.
        const { assert!(LAYER_NORM_EPSILON.to_bits() == 1e-5_f64.to_bits()) };
        let gamma = self.parameter(&format!("{name}.gamma"), norm.gamma.val());
        let beta = norm.beta.as_ref().expect("all norms have shifts").val();
        let beta = self.parameter(&format!("{name}.beta"), beta);
        self.op("LayerNormalization", &[x, &gamma, &beta])
    }

    /// Limits log standard deviations.
    pub(super) fn limited(&mut self, limits: LogStd, x: &Value) -> Value {
        match limits {
            LogStd::Clamp(low, high) => self.clip(x, low, high),
            LogStd::Tanh(low, high) => {
                let (half, low) = (self.scalar(0.5 * (high - low)), self.scalar(low));
                let one = self.scalar(1.0);
                let x = self.op("Tanh", &[x]);
                let x = self.op("Add", &[&x, &one]);
                let x = self.op("Mul", &[&x, &half]);
                self.op("Add", &[&x, &low])
            }
        }
    }

    /// Clamps to [low, high].
    pub(super) fn clip(&mut self, x: &Value, low: f64, high: f64) -> Value {
        let (low, high) = (self.scalar(low), self.scalar(high));
        self.op("Clip", &[x, &low, &high])
    }

    /// Changes the shape; one size may be -1, which stands for the rest.
    pub(super) fn reshape(&mut self, x: &Value, sizes: &[i64]) -> Value {
        let sizes = self.ints(sizes);
        self.op("Reshape", &[x, &sizes])
    }

    /// Adds an axis of length 1.
    pub(super) fn unsqueeze(&mut self, x: &Value, axis: i64) -> Value {
        let axis = self.ints(&[axis]);
        self.op("Unsqueeze", &[x, &axis])
    }

    /// Sums along an axis, which goes away.
    pub(super) fn sum(&mut self, x: &Value, axis: i64) -> Value {
        let axis = self.ints(&[axis]);
        self.op_with("ReduceSum", &[x, &axis], &[("keepdims", 0)])
    }

    /// Computes the mean of `[N, M]` over the columns, `[N, 1]`.
    pub(super) fn mean_of_columns(&mut self, x: &Value, columns: usize) -> Value {
        let shares = self.floats(&[columns, 1], &vec![1.0 / columns as f32; columns]);
        self.op("MatMul", &[x, &shares])
    }

    /// Computes `softmax` along an axis.
    pub(super) fn softmax(&mut self, x: &Value, axis: i64) -> Value {
        self.op_with("Softmax", &[x], &[("axis", axis)])
    }

    /// Converts numbers.
    pub(super) fn cast(&mut self, x: &Value, to: DataType) -> Value {
        self.op_with("Cast", &[x], &[("to", i64::from(to as i32))])
    }

    /// Joins along an axis.
    pub(super) fn concat(&mut self, parts: &[&Value], axis: i64) -> Value {
        self.op_with("Concat", parts, &[("axis", axis)])
    }

    /// Repeats constants of the shape `[1, sizes..]` for each row of `like`.
    pub(super) fn for_each_row(
        &mut self,
        constant: &Value,
        sizes: &[usize],
        like: &Value,
    ) -> Value {
        let rows = self.op_with("Shape", &[like], &[("start", 0), ("end", 1)]);
        let sizes: Vec<i64> = sizes.iter().map(|size| *size as i64).collect();
        let sizes = self.ints(&sizes);
        let shape = self.concat(&[&rows, &sizes], 0);
        self.op("Expand", &[constant, &shape])
    }

    /// Sums rows of `x`, `[B, K, A]`, with the weights `[B, K]`: `[B, A]`.
    pub(super) fn weighted(&mut self, weights: &Value, x: &Value) -> Value {
        let weights = self.unsqueeze(weights, 2);
        let products = self.op("Mul", &[&weights, x]);
        self.sum(&products, 1)
    }

    /// Returns 1 at the largest of K numbers in each row, `[B, K]`, the first one in a tie, and 0
    /// elsewhere.
    pub(super) fn one_hot_largest(&mut self, scores: &Value, num: usize) -> Value {
        let index = self.op_with("ArgMax", &[scores], &[("axis", 1), ("keepdims", 1)]);
        self.one_hot(&index, num)
    }

    /// Returns 1 at the index of each row, `[B, K]`, and 0 elsewhere. A row with the index -1 is 0.
    ///
    /// # Shapes
    /// - `index`: `[B, 1]`
    pub(super) fn one_hot(&mut self, index: &Value, num: usize) -> Value {
        let all: Vec<i64> = (0..num as i64).collect();
        let all = self.ints(&all);
        let is_it = self.op("Equal", &[index, &all]);
        self.cast(&is_it, DataType::Float)
    }

    /// Draws from the distribution `weights`, `[B, K]`, by inversion: returns 1 at the drawn index of
    /// each row, and 0 elsewhere.
    ///
    /// # Shapes
    /// - `uniform`: `[B]`, numbers from [0, 1)
    pub(super) fn one_hot_draw(&mut self, weights: &Value, num: usize, uniform: &Value) -> Value {
        // The index is the number of sums w_0 + .. + w_k, k < K − 1, that are not above the number.
        let sums = num - 1;
        let is_in_sum = |at: usize| if at / sums <= at % sums { 1.0 } else { 0.0 };
        let in_sums: Vec<f32> = (0..num * sums).map(is_in_sum).collect();
        let in_sums = self.floats(&[num, sums], &in_sums);
        let sums = self.op("MatMul", &[weights, &in_sums]);
        let uniform = self.unsqueeze(uniform, 1);
        let is_past = self.op("LessOrEqual", &[&sums, &uniform]);
        let is_past = self.cast(&is_past, DataType::Int);
        let axis = self.ints(&[1]);
        let index = self.op_with("ReduceSum", &[&is_past, &axis], &[("keepdims", 1)]);
        self.one_hot(&index, num)
    }
}

fn port(name: &str, kind: DataType, sizes: &[usize], doc: &str) -> Port {
    let sizes = sizes.iter().map(|size| SizeValue::Number(*size as i64));
    let sizes = [SizeValue::Free(BATCH.to_owned())].into_iter().chain(sizes);
    let dim = sizes.map(|value| messages::Size { value: Some(value) }).collect();
    let tensor_type =
        messages::TensorType { elem_type: kind as i32, shape: Some(messages::Shape { dim }) };
    Port {
        name: name.to_owned(),
        port_type: Some(messages::PortType { tensor_type: Some(tensor_type) }),
        doc_string: doc.to_owned(),
    }
}
