"""Where MuJoCo's library and the tasks' model files are: in the packages ``mujoco`` and ``gymnasium``."""

import importlib.util
import os
from pathlib import Path


def find() -> None:
    """Sets the variables that the compiled part reads, unless the user has set them."""
    # Neither package is imported: that takes a second, and the environments need none of its code.
    for variable, package, folder in [
        ("MUJOCO_DYNAMIC_LINK_DIR", "mujoco", "."),
        ("PMOE_MODEL_DIR", "gymnasium", "envs/mujoco/assets"),
    ]:
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.submodule_search_locations and not os.environ.get(variable):
            os.environ[variable] = str((Path(spec.submodule_search_locations[0]) / folder).resolve())
