"""Training times: the seconds and examples of the last training on this machine, beside the outputs that it made.

A stage saves them in scratch/, which neither git nor DVC keeps: no two trainings take the same time, and an output must
have the same bytes each time. A time belongs to a model by the md5 of its folder: after a checkout of another training,
or where the model came from a remote, it is not known.
"""

from pathlib import Path
from typing import Any

from complaints.core import paths
from complaints.core.dvc_lock import hash_path
from complaints.core.files import read_json, write_json
from complaints.costs.hardware import describe_machine


def _file(name: str) -> Path:
    return paths.TRAINING_TIMES / f"{name}.json"


def save(name: str, step_seconds: float, other_seconds: float, examples: int) -> None:
    """Write the time of a training whose model was just written.

    Args:
        name: The model's name, that of its folder in models/.
        step_seconds: Time of the steps of the optimizer, or of the fit.
        other_seconds: Time of head initialisation and validation.
        examples: Rows of all steps: the training rows, as often as they were seen.
    """
    value = {
        "model_md5": hash_path(Path("."), (paths.MODELS / name).as_posix()),
        "step_seconds": round(step_seconds, 3),
        "other_seconds": round(other_seconds, 3),
        "examples": examples,
        "machine": describe_machine(),
    }
    write_json(_file(name), value)


def read(name: str, model_md5: str | None) -> dict[str, Any] | None:
    """Return the training of a model in seconds and examples per second, None if this machine did not train it.

    Args:
        name: The model's name.
        model_md5: DVC's md5 of its folder as it is now.
    """
    if not _file(name).is_file():
        return None
    saved = read_json(_file(name))
    if model_md5 is None or saved["model_md5"] != model_md5:
        return None
    return {
        "seconds": round(saved["step_seconds"] + saved["other_seconds"], 3),
        "examples": saved["examples"],
        "examples_per_second": saved["examples"] / saved["step_seconds"] if saved["step_seconds"] else None,
        "machine": saved["machine"],
    }
