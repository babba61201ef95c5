"""Exported policies: what other programs compute from them is what ``predict`` gives."""

import json
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import safetensors
import tract
import yaml

import pmoe

COMMAND = str(Path(sys.executable).with_name("pmoe"))

#: Observations of each comparison.
ROWS = 1000

#: Actions and means are of order 1 in single precision; a few hundred additions lose less than this.
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


def pmoe_command(*arguments):
    """Runs the command, which must succeed."""
    done = subprocess.run([COMMAND, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


METHODS = [method["name"] for method in json.loads(pmoe_command("list", "methods", "--json"))]


def is_on_policy(method):
    return "ppo" in method or method == "dac"


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """Returns the run folder of a method, trained for a moment when it is first asked for."""
    folder = tmp_path_factory.mktemp("exported")

    def run(method, *settings):
        run = folder / "-".join([method, *(setting.replace("/", "_") for setting in settings)])
        if run.exists():
            return run
        if is_on_policy(method):
            small = ["rollout_steps=200", "minibatch_size=100", "epochs=2"]
        else:
            small = ["hidden=[32,32]", "batch_size=16", "random_steps=100", "learning_starts=100"]
        small += ["schedule.eval_every=400", "schedule.eval_episodes=2", *settings]
        train = ["train", "--method", method, "--task", "Hopper-v5", "--steps", 400, "--out", run]
        pmoe_command(*train, *(word for setting in small for word in ["--set", setting]))
        return run

    return run


class Exported:
    """An ONNX file in two runtimes, which must agree."""

    def __init__(self, path):
        onnx.checker.check_model(str(path), full_check=True)
        self.model = onnx.load(str(path))
        assert (self.model.ir_version, self.model.opset_import[0].version) == (8, 17)
        self.session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        self.inputs = [port.name for port in self.session.get_inputs()]
        self.outputs = [port.name for port in self.session.get_outputs()]
        graph = tract.onnx().load(str(path))
        for index, port in enumerate(self.session.get_inputs()):
            kind = {"tensor(float)": "f32", "tensor(int64)": "i64"}[port.type]
            graph.set_input_fact(index, ",".join([*map(str, port.shape), kind]))
        self.tract = graph.into_model().into_runnable()

    def __call__(self, **inputs):
        assert list(inputs) == self.inputs
        found = dict(zip(self.outputs, self.session.run(None, inputs), strict=True))
        others = self.tract.run(list(inputs.values()))
        for name, other in zip(self.outputs, others, strict=True):
            np.testing.assert_allclose(other.to_numpy(), found[name], **CLOSE, err_msg=f"{name} of tract")
        return found


def observations(rows=ROWS):
    """Of the magnitudes of Hopper's own; the last ones are far outside."""
    obs = np.random.default_rng(0).normal(size=(rows, 11)).astype(np.float32)
    obs[-10:] *= 30
    return obs


def draws_of_each(weights):
    """Numbers that draw each primitive in turn, ``[K, B]``."""
    return (np.cumsum(weights, 1) - weights / 2).T.astype(np.float32)


@pytest.mark.parametrize("method", METHODS)
def test_a_graph_acts_like_the_policy(trained, tmp_path, method):
    run, path = trained(method), tmp_path / "policy.onnx"
    pmoe.export(run, path)
    graph, policy, obs = Exported(path), pmoe.load(run, seed=1), observations()
    inputs = {"obs": obs}
    if "uniform" in graph.inputs:
        inputs["uniform"] = np.random.default_rng(1).random(ROWS, np.float32)
    if "option" in graph.inputs:
        inputs["option"] = np.full(ROWS, -1)
    # In the order of the graph.
    inputs = {name: inputs[name] for name in graph.inputs}
    found = graph(**inputs)
    action, _ = policy.predict(obs, deterministic=True)
    assert found["action"].shape == (ROWS, 3) and found["action"].dtype == np.float32

    if "uniform" not in graph.inputs:
        np.testing.assert_allclose(found["action"], action, **CLOSE)
    else:
        # The policy draws, so that its action is one of those that the graph may draw.
        weights = found["weights"]
        each = np.stack([graph(**{**inputs, "uniform": u})["action"] for u in draws_of_each(weights)], 1)
        drawn = (inputs["uniform"][:, None] >= np.cumsum(weights, 1)[:, :-1]).sum(1)
        np.testing.assert_allclose(found["action"], each[np.arange(ROWS), drawn], **CLOSE)
        distance = np.abs(each - action[:, None]).max(2)
        np.testing.assert_allclose(distance.min(1), 0, atol=1e-5)
        # Each as often as its weight says; four standard errors.
        share = (distance.argmin(1)[:, None] == np.arange(weights.shape[1])).mean(0)
        error = np.sqrt((weights * (1 - weights)).mean(0) / ROWS)
        assert (np.abs(share - weights.mean(0)) < 4 * error + 1e-3).all()

    if method == "td3":
        assert graph.outputs == ["action"]
        return
    weights, means, log_std = (found[name] for name in ["weights", "means", "log_std"])
    assert means.shape == log_std.shape == (ROWS, weights.shape[1], 3)
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-5)
    if is_on_policy(method) or method in ["sac", "sac-ln"]:
        return
    mixture = policy.mixture(obs)
    np.testing.assert_allclose(weights, mixture.weights, **CLOSE)
    np.testing.assert_allclose(means, mixture.means, **CLOSE)
    np.testing.assert_allclose(np.exp(log_std), mixture.stds, **CLOSE)


CHOICES = [["--eval-primitive", "argmax_w"], ["--eval-primitive", "argmax_q"], ["--primitive", 2]]


@pytest.mark.parametrize("choice", CHOICES, ids=lambda choice: str(choice[1]))
@pytest.mark.parametrize("method", ["pmoe-sac", "pmoe-sac-lr", "pmoe-sac-critics", "pmoe-ppo"])
def test_a_chosen_primitive_acts(trained, tmp_path, method, choice):
    run, path, file = trained(method), tmp_path / "policy.onnx", tmp_path / "policy.safetensors"
    pmoe_command("export", run, "--output", path, *choice)
    pmoe_command("export", run, "--output", file, *choice)
    graph, obs = Exported(path), observations()
    assert graph.inputs == ["obs"]
    action, _ = pmoe.load(file).predict(obs, deterministic=True)
    np.testing.assert_allclose(graph(obs=obs)["action"], action, **CLOSE)
    # The file is as good as the run.
    pmoe.export(file, tmp_path / "again.onnx")
    np.testing.assert_array_equal(Exported(tmp_path / "again.onnx")(obs=obs)["action"], graph(obs=obs)["action"])


def test_critics_with_layer_normalisation_choose(trained, tmp_path):
    run, path, file = trained("pmoe-sac", 'critic_norm="layer"'), tmp_path / "policy.onnx", tmp_path / "p.safetensors"
    for output in [path, file]:
        pmoe_command("export", run, "--output", output, "--eval-primitive", "argmax_q")
    obs = observations()
    action, _ = pmoe.load(file).predict(obs, deterministic=True)
    np.testing.assert_allclose(Exported(path)(obs=obs)["action"], action, **CLOSE)


def test_options_go_on_from_step_to_step(trained, tmp_path):
    run, path = trained("dac", 'eval_option="argmax"'), tmp_path / "policy.onnx"
    pmoe.export(run, path)
    graph, policy = Exported(path), pmoe.load(run)
    assert graph.inputs == ["obs", "option"]
    option, state = np.full(50, -1), None
    for step in range(20):
        obs = np.random.default_rng(step).normal(size=(50, 11)).astype(np.float32)
        found = graph(obs=obs, option=option)
        action, state = policy.predict(obs, state, deterministic=True)
        np.testing.assert_allclose(found["action"], action, **CLOSE)
        option = found["next_option"]
        assert option.shape == (50,) and option.dtype == np.int64


def test_actions_are_in_the_units_of_the_task(tmp_path):
    train = ["train", "--method", "ppo", "--task", "Humanoid-v5", "--steps", 200, "--out", tmp_path / "run"]
    pmoe_command(*train, "--set", "rollout_steps=200", "--set", "minibatch_size=100")
    pmoe.export(tmp_path / "run", tmp_path / "policy.onnx")
    obs = 5 * np.random.default_rng(0).normal(size=(ROWS, 348)).astype(np.float32)
    action, _ = pmoe.load(tmp_path / "run").predict(obs, deterministic=True)
    np.testing.assert_allclose(Exported(tmp_path / "policy.onnx")(obs=obs)["action"], action, **CLOSE)
    assert np.abs(action).max() <= 0.4 + 1e-6


def test_a_single_observation_is_a_batch(trained, tmp_path):
    pmoe.export(trained("sac"), tmp_path / "policy.onnx")
    graph, obs = Exported(tmp_path / "policy.onnx"), observations(20)
    one = [graph(obs=row[None])["action"][0] for row in obs]
    np.testing.assert_allclose(one, graph(obs=obs)["action"], **CLOSE)


def test_files_say_where_they_come_from(trained, tmp_path):
    run = trained("ppo")
    manifest = json.loads((run / "manifest.json").read_text())
    for name in ["policy.onnx", "policy.safetensors"]:
        pmoe.export(run, tmp_path / name)
    with safetensors.safe_open(tmp_path / "policy.safetensors", "np") as file:
        entry = json.loads(file.metadata()["pmoe"])
    about = entry["about"]
    commit = manifest["provenance"]["commit"] + ("-dirty" if manifest["provenance"]["dirty"] else "")
    assert (about["task"], about["method"], about["commit"]) == ("Hopper-v5", "ppo", commit)
    assert about["action_low"] == [-1, -1, -1] and about["action_high"] == [1, 1, 1]
    evaluation = about["evaluation"]
    [returns] = [event["returns"] for event in events(run) if event["event"] == "eval" and event["env_step"] == 400]
    assert (evaluation["env_step"], evaluation["episodes"]) == (400, 2)
    assert evaluation["mean_return"] == pytest.approx(np.mean(returns))
    metadata = {entry.key: entry.value for entry in Exported(tmp_path / "policy.onnx").model.metadata_props}
    assert (metadata["task"], metadata["method"], metadata["env_step"]) == ("Hopper-v5", "ppo", "400")
    assert (metadata["commit"], metadata["run"]) == (commit, entry["run"])
    assert json.loads(metadata["evaluation"]) == evaluation and json.loads(metadata["action_high"]) == [1, 1, 1]
    assert metadata["config"] == entry["config"] == (run / "config.toml").read_text()


def events(run):
    return [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]


def test_what_cannot_be_exported_is_said(trained, tmp_path):
    with pytest.raises(ValueError, match="is not a run folder"):
        pmoe.export(tmp_path, tmp_path / "policy.onnx")
    with pytest.raises(ValueError, match=r"must end in \.onnx, \.safetensors or \.pt"):
        pmoe.export(trained("sac"), tmp_path / "policy.tflite")
    with pytest.raises(ValueError, match="the format is `tflite`"):
        pmoe.export(trained("sac"), tmp_path / "policy.onnx", "tflite")
    assert list(tmp_path.iterdir()) == []


DOCS = Path(__file__).parents[3] / "docs" / "export.md"


def program_of_the_docs(tmp_path, word):
    """Writes the program of docs/export.md that contains a word to a file."""
    blocks = DOCS.read_text(encoding="utf-8").split("```python\n")[1:]
    [program] = [block.split("```")[0] for block in blocks if word in block]
    path = tmp_path / "program.py"
    path.write_text(program, encoding="utf-8")
    return path, program


@pytest.mark.parametrize(
    ("module", "name"), [("onnxruntime", "policy.onnx"), ("torch", "policy.safetensors"), ("torch", "policy.pt")]
)
def test_the_programs_of_the_docs_play_as_well(trained, tmp_path, module, name):
    pytest.importorskip(module)
    run, episodes = trained("pmoe-sac"), 60
    program, text = program_of_the_docs(tmp_path, f"import {module}\n")
    assert len(text.splitlines()) <= 60
    pmoe.export(run, tmp_path / name)
    done = subprocess.run([sys.executable, program, tmp_path / name, str(episodes)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    mean, std = map(float, done.stdout.split())
    ours = json.loads(pmoe_command("evaluate", run, "--episodes", episodes, "--json"))
    # Both draw, from other generators: four standard errors of the difference.
    error = np.hypot(std, ours["std_return"]) / np.sqrt(episodes)
    assert abs(mean - ours["mean_return"]) < 4 * error, (mean, std, ours["mean_return"], ours["std_return"])


class PicklesOfTensors(pickle.Unpickler):
    """Reads a PyTorch file without PyTorch, as ``weights_only=True`` does: nothing but tensors, dictionaries and texts."""

    def __init__(self, archive):
        super().__init__(archive.open("policy/data.pkl"))
        self.archive = archive

    def find_class(self, module, name):
        return {
            "torch._utils._rebuild_tensor_v2": self.tensor,
            "torch.FloatStorage": "<f4",
            "collections.OrderedDict": dict,
        }[f"{module}.{name}"]

    def persistent_load(self, pid):
        kind, dtype, key, device, count = pid
        numbers = np.frombuffer(self.archive.read(f"policy/data/{key}"), dtype)
        assert (kind, device, len(numbers)) == ("storage", "cpu", count)
        return numbers

    @staticmethod
    def tensor(numbers, offset, sizes, strides, requires_grad, hooks):
        assert (offset, requires_grad, hooks) == (0, False, {}) and numbers.size == np.prod(sizes)
        return np.lib.stride_tricks.as_strided(numbers, sizes, [4 * stride for stride in strides])


def tensors_of_torch(path):
    """The parameters of a safetensors file in PyTorch's layout and names, and its metadata."""
    with safetensors.safe_open(path, "np") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}
        named = {
            name.replace(".gamma", ".weight").replace(".beta", ".bias"): tensor.T
            if tensor.ndim == 2 and name.endswith(".weight")
            else tensor
            for name, tensor in tensors.items()
        }
        return named, file.metadata()["pmoe"]


@pytest.mark.parametrize("method", METHODS)
def test_a_file_for_pytorch_has_the_parameters(trained, tmp_path, method):
    for name in ["policy.pt", "policy.safetensors"]:
        pmoe.export(trained(method), tmp_path / name)
    expected, metadata = tensors_of_torch(tmp_path / "policy.safetensors")
    with zipfile.ZipFile(tmp_path / "policy.pt") as archive:
        assert archive.testzip() is None
        assert {file.compress_type for file in archive.infolist()} == {zipfile.ZIP_STORED}
        found = PicklesOfTensors(archive).load()
    assert list(found) == ["state_dict", "pmoe"] and found["pmoe"] == metadata
    assert list(found["state_dict"]) == list(expected)
    for name, tensor in expected.items():
        np.testing.assert_array_equal(found["state_dict"][name], tensor)


@pytest.mark.parametrize("method", ["pmoe-sac-best", "dac"])
def test_pytorch_reads_it(trained, tmp_path, method):
    torch = pytest.importorskip("torch")
    for name in ["policy.pt", "policy.safetensors"]:
        pmoe.export(trained(method), tmp_path / name)
    expected, metadata = tensors_of_torch(tmp_path / "policy.safetensors")
    found = torch.load(tmp_path / "policy.pt", weights_only=True)
    assert found["pmoe"] == metadata and list(found["state_dict"]) == list(expected)
    for name, tensor in expected.items():
        np.testing.assert_array_equal(found["state_dict"][name].numpy(), tensor)


def test_a_packaged_policy_is_loaded_and_its_card_read(trained, tmp_path):
    run, folder = trained("ppo"), tmp_path / "hub"
    pmoe_command("package", run, "--out", folder, "--episodes", 5, "--no-clip")
    obs = observations(20)
    found, expected = (pmoe.load(path).predict(obs, deterministic=True)[0] for path in [folder, run])
    np.testing.assert_array_equal(found, expected)
    pmoe.export(folder, tmp_path / "policy.onnx")
    np.testing.assert_allclose(Exported(tmp_path / "policy.onnx")(obs=obs)["action"], expected, **CLOSE)
    _, head, body = (folder / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    card = yaml.safe_load(head)
    assert (card["library_name"], card["license"], card["pipeline_tag"]) == ("pmoe", "mit", "reinforcement-learning")
    assert {"reinforcement-learning", "Hopper-v5", "ppo"} <= set(card["tags"])
    [result] = card["model-index"][0]["results"]
    evaluation = json.loads(pmoe_command("evaluate", folder, "--episodes", 5, "--json"))
    mean, _, std = result["metrics"][0]["value"].split()
    assert float(mean) == pytest.approx(evaluation["mean_return"], abs=0.01)
    assert float(std) == pytest.approx(evaluation["std_return"], abs=0.01)
    assert result["dataset"] == {"name": "Hopper-v5", "type": "Hopper-v5"} and "# ppo on Hopper-v5" in body
    (folder / "policy.safetensors").unlink()
    with pytest.raises(ValueError, match="it has no policy.safetensors"):
        pmoe.load(folder)
