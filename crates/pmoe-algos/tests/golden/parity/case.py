"""A case: parameters, inputs, switches and what follows from them. Drawing, checking, files."""

import json

import numpy as np
import torch
from safetensors.numpy import load_file, save_file

FORMAT = 1
# A decision (ReLU's kink, argmax, min, clip) must be at least this far from the other outcome, so
# that 32 bits give the same one.
MARGIN = 2e-5
# A loss closer to zero than this is a difference of larger numbers, and its relative error is
# meaningless.
LEAST_LOSS = 0.1
ATTEMPTS = 2000
LOSS_TOLERANCE = 1e-5
GRAD_TOLERANCE = 1e-4
# Gradients smaller than this are compared as if they had this magnitude: they are sums that cancel.
LEAST_MAGNITUDE = 1e-2
# Added to the variance of a normalised layer: PyTorch's default.
EPSILON = 1e-5


class Unsuitable(Exception):
    """This draw can't be compared in 32 bits; another one can."""


class Case:
    """One case under construction, in `dtype`. The same `seed` draws the same numbers in each dtype.

    `inputs`: those of the same case in another dtype. Some are drawn around what the networks say.
    """

    def __init__(self, name, method, sizes, switches, scalars, seed, dtype=torch.float64,
                 inputs=None):
        self.name, self.method = name, method
        self.sizes, self.switches, self.scalars = sizes, switches, scalars
        self.dtype = dtype
        self.rng = np.random.Generator(np.random.PCG64(seed))
        self.params, self.inputs, self.given = {}, {}, inputs
        self.losses, self.grads = {}, {}
        self.margin = np.inf
        self.tells = True

    # --- drawing -------------------------------------------------------------------------------

    def _single(self, values):
        """Rounded to 32 bits: both sides start from the same numbers."""
        return np.asarray(values, dtype=np.float32)

    def param(self, name, values):
        """A parameter, which the losses are differentiated by."""
        assert name not in self.params, name
        tensor = torch.tensor(self._single(values), dtype=self.dtype, requires_grad=True)
        self.params[name] = tensor
        return tensor

    def linear(self, name, d_in, d_out, gain=1.5, bias=None):
        """Weight `[d_out, d_in]` and bias `[d_out]`, uniform within ±gain/√d_in."""
        bound = gain / np.sqrt(d_in)
        weight = self.rng.uniform(-bound, bound, (d_out, d_in))
        drawn = self.rng.uniform(-bound, bound, d_out)
        self.param(f"{name}.weight", weight)
        self.param(f"{name}.bias", drawn if bias is None else drawn + bias)

    def mlp(self, name, sizes, gain=1.5, bias=None):
        """Linear layers `name.0`, `name.1`, ...; `bias` is added to the last one's."""
        for layer, (d_in, d_out) in enumerate(zip(sizes, sizes[1:])):
            of_layer = bias if layer + 2 == len(sizes) else None
            self.linear(f"{name}.{layer}", d_in, d_out, gain, of_layer)

    def norms(self, name, sizes):
        """Gains `[units]` around 1 and biases `[units]` of the normalised layers `name.0`, ..."""
        for layer, units in enumerate(sizes):
            self.param(f"{name}.{layer}.gamma", self.rng.uniform(0.5, 1.5, units))
            self.param(f"{name}.{layer}.beta", self.rng.uniform(-0.5, 0.5, units))

    def input(self, name, values):
        """A tensor that is given: floating point or indices."""
        assert name not in self.inputs, name
        values = np.asarray(values) if self.given is None else self.given[name].numpy()
        if np.issubdtype(values.dtype, np.integer):
            tensor = torch.tensor(values, dtype=torch.int64)
        else:
            tensor = torch.tensor(self._single(values), dtype=self.dtype)
        self.inputs[name] = tensor
        return tensor

    def normal(self, name, *shape):
        """Standard normal numbers."""
        return self.input(name, self.rng.standard_normal(shape))

    def index(self, name, below, *shape):
        """Uniform indices."""
        return self.input(name, self.rng.integers(0, below, shape))

    # --- decisions -----------------------------------------------------------------------------

    def decide(self, distance):
        """Notes how far a decision is from going the other way."""
        if distance.numel():
            self.margin = min(self.margin, distance.detach().abs().min().item())

    def relu(self, x):
        """max(x, 0)."""
        self.decide(x)
        return torch.relu(x)

    def clamp(self, x, low, high):
        """x within [low, high], without gradient outside."""
        self.decide(x - low)
        self.decide(x - high)
        return x.clamp(low, high)

    def minimum(self, x, y):
        """Element by element."""
        self.decide(x - y)
        return torch.minimum(x, y)

    def maximum(self, x, y, where=None):
        """Element by element. `where`: elements at which the two may be equal, having equal gradients."""
        distance = (x - y) if where is None else (x - y)[~where]
        self.decide(distance)
        return torch.maximum(x, y)

    def argmax(self, x):
        """Of the last dimension, a constant."""
        x = x.detach()
        if x.shape[-1] > 1:
            top = x.topk(2, -1).values
            self.decide(top[..., 0] - top[..., 1])
        return x.argmax(-1)

    def require(self, holds):
        """Another draw where this doesn't hold: the case would not tell a switch from its opposite."""
        self.tells = self.tells and bool(holds)

    # --- layers --------------------------------------------------------------------------------

    def layer(self, name, x):
        """x Wᵀ + b."""
        return x @ self.params[f"{name}.weight"].T + self.params[f"{name}.bias"]

    def normalised(self, name, x):
        """γ (x − mean x) / √(var x + ε) + β over the last dimension, if there are such parameters."""
        if f"{name}.gamma" not in self.params:
            return x
        centred = x - x.mean(-1, keepdim=True)
        variance = (centred ** 2).mean(-1, keepdim=True)
        scaled = centred / torch.sqrt(variance + EPSILON)
        return scaled * self.params[f"{name}.gamma"] + self.params[f"{name}.beta"]

    def forward(self, name, x, activation, output=None):
        """The layers `name.0`, `name.1`, ... with `activation` between them and `output` after.

        The normalisation `name.norms.0`, ... comes before the activation.
        """
        count = sum(1 for p in self.params if p.startswith(f"{name}.") and p.endswith(".weight")
                    and p[len(name) + 1:-len(".weight")].isdigit())
        for i in range(count):
            x = self.normalised(f"{name}.norms.{i}", self.layer(f"{name}.{i}", x))
            act = activation if i + 1 < count else output
            x = act(x) if act else x
        return x

    # --- results -------------------------------------------------------------------------------

    def loss(self, name, value, trains):
        """Records a loss and its gradient by the parameters whose names start with one of `trains`."""
        names = [p for p in self.params if p.startswith(tuple(trains))]
        assert names and value.dim() == 0, (name, trains)
        found = torch.autograd.grad(value, [self.params[p] for p in names], allow_unused=True,
                                    retain_graph=True)
        self.losses[name] = value.item()
        for param, grad in zip(names, found):
            zero = torch.zeros_like(self.params[param])
            self.grads[f"{name}/{param}"] = (zero if grad is None else grad).detach()

    def compare(self, losses, grads, loss_tolerance=LOSS_TOLERANCE, grad_tolerance=GRAD_TOLERANCE):
        """What differs from the given results: a list of lines."""
        lines = []
        for name, want in self.losses.items():
            if abs(losses[name] - want) > loss_tolerance * max(abs(want), LEAST_MAGNITUDE):
                lines.append(f"{self.name}: loss {name}: {losses[name]!r}, not {want!r}")
        for name, want in self.grads.items():
            want = want.double().numpy()
            error = np.abs(np.asarray(grads[name], dtype=np.float64) - want).max()
            scale = max(np.abs(want).max(), LEAST_MAGNITUDE)
            if not error <= grad_tolerance * scale:
                lines.append(f"{self.name}: gradient {name}: off by {error:.3e} of {scale:.3e}")
        return lines

    # --- files ---------------------------------------------------------------------------------

    def tensors(self):
        """Everything that goes into the safetensors file."""
        out = {}
        for name, value in self.params.items():
            out[f"param/{name}"] = value.detach().float().numpy()
        for name, value in self.inputs.items():
            whole = value.dtype == torch.int64
            out[f"input/{name}"] = value.numpy() if whole else value.float().numpy()
        for name, value in self.grads.items():
            out[f"grad/{name}"] = value.float().numpy()
        return {name: np.ascontiguousarray(value) for name, value in out.items()}

    def document(self):
        """Everything that goes into the JSON file."""
        return {
            "format": FORMAT,
            "method": self.method,
            "sizes": self.sizes,
            "switches": self.switches,
            "scalars": self.scalars,
            "losses": self.losses,
        }

    def write(self, folder):
        """Two files, `NAME.json` and `NAME.safetensors`."""
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self.document(), indent=2, ensure_ascii=False)
        (folder / f"{self.name}.json").write_text(text + "\n")
        save_file(self.tensors(), folder / f"{self.name}.safetensors")

    def check(self, folder):
        """What the files say otherwise: a list of lines."""
        document = json.loads((folder / f"{self.name}.json").read_text())
        tensors = load_file(folder / f"{self.name}.safetensors")
        ours, mine = self.document(), self.tensors()
        same = {k: v for k, v in ours.items() if k != "losses"}
        lines = [f"{self.name}: {key} differs" for key in same if document.get(key) != same[key]]
        lines += [f"{self.name}: {key} is on one side only" for key in tensors.keys() ^ mine.keys()]
        for key in mine:
            if not key.startswith("grad/") and not np.array_equal(tensors.get(key), mine[key]):
                lines.append(f"{self.name}: {key} differs")
        if not lines:
            grads = {key[len("grad/"):]: v for key, v in tensors.items() if key.startswith("grad/")}
            lines = self.compare(document["losses"], grads, 1e-12, 1e-6)
        return lines


def build(define, name, method, sizes, switches, scalars, seed):
    """The first draw from `seed` that can be compared in 32 bits.

    `define(case)` draws parameters and inputs and records the losses.
    """
    for attempt in range(ATTEMPTS):
        double = Case(name, method, sizes, switches, scalars, [*seed, attempt])
        define(double)
        if not double.tells:
            continue
        single = Case(name, method, sizes, switches, scalars, [*seed, attempt], torch.float32,
                      double.inputs)
        define(single)
        if double.margin < MARGIN or min(map(abs, double.losses.values())) < LEAST_LOSS:
            continue
        # PyTorch's own 32-bit result must be well inside the tolerance.
        if double.compare(single.losses, single.grads, LOSS_TOLERANCE / 5, GRAD_TOLERANCE / 5):
            continue
        return double
    raise Unsuitable(f"{name}: no suitable draw in {ATTEMPTS}")
