"""Measurement of a model in a process of its own, and how the model was trained."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from complaints.core import paths
from complaints.core.dvc_lock import hash_path
from complaints.core.errors import UserError
from complaints.core.files import read_json
from complaints.costs import training_time
from complaints.costs.measure import Request, measure
from complaints.scoring.rungs import model_folder, parent_of


def measure_apart(request: Request) -> dict[str, Any]:
    """Return the cost of a model from a new process, whose memory is the model's alone.

    Raises:
        UserError: as `measure` does, or if the process was killed.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        try:
            measured = pool.submit(measure, request).result()
        except BrokenProcessPool:
            raise UserError(
                f"cost: the process that measured {request.name} was killed, perhaps since memory was full; free some, "
                "or take fewer texts"
            ) from None
    return {"model": request.name, "training": _training(request), **measured}


def _training(request: Request) -> dict[str, Any]:
    """Return how a model was trained: numerics, precision, and the time if this machine has it.

    A compressed model takes the time of its parent, without which it would not be there.
    """
    (part,) = request.choice.parts.values()
    record = part.folder / "training.json"
    settings = read_json(record) if record.is_file() else {}
    known = {key: settings.get(key) for key in ("numerics", "precision", "device", "threads", "processes")}
    parent = parent_of(request.name)
    trained = parent[0] if parent else request.name
    md5 = hash_path(Path("."), model_folder(paths.MODELS, trained).as_posix())
    return {**known, "time": training_time.read(trained, md5)}
