"""Command `complaints score`; imports that take long come after the checks of the arguments."""

import argparse
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tqdm import tqdm

from complaints.core import paths
from complaints.core.errors import UserError, printable
from complaints.core.files import write_text
from complaints.output_files import check_folder
from complaints.predicting.abstention import least_confidence
from complaints.predicting.choice import ModelArgument, ModelChoice, choose, in_project
from complaints.predicting.request import TEXT_COLUMN
from complaints.scoring.rungs import model_folder, parent_of, rung_names
from complaints.serving.choosing import digests_of, model_digest

PACKAGES = ("onnxruntime", "pyarrow", "tokenizers", "torch")
"""Packages whose versions may change the bytes of the output."""
FAST = "int8"


def fastest_model() -> ModelArgument | None:
    """Return the first int8 model of the project that is there, None without one."""
    if not in_project() or find_spec("onnxruntime") is None:
        return None
    fast = [name for name in rung_names() if (parent_of(name) or ("", ""))[1] == FAST]
    there = [name for name in fast if model_folder(paths.MODELS, name).is_dir()]
    return ModelArgument(there[0], Path(there[0])) if there else None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _check_output(output: Path, source: Path, choice: ModelChoice) -> None:
    """Check that the output folder neither holds nor is in what the command reads."""
    target = output.resolve()
    for path in (source, *choice.inputs):
        real = path.resolve()
        if target == real or (path.is_dir() and target.is_relative_to(real)) or real.is_relative_to(target):
            raise UserError(f"{output}: {path} is read, and is not to be mixed with the output; name another folder")


def _check_ray(arguments: argparse.Namespace) -> bool:
    """Return whether to compute with Ray."""
    wanted = arguments.ray or arguments.address is not None
    if wanted and find_spec("ray") is None:
        raise UserError("ray is not installed; run `pip install -r requirements-ray.txt -c constraints.txt`")
    return wanted


def run(arguments: argparse.Namespace) -> int:
    """Run the command: plan, score what is missing, and write the manifest when nothing is.

    Raises:
        UserError: naming the argument or the file that is wrong.
    """
    with_ray = _check_ray(arguments)
    check_folder(arguments.output, "OUTPUT")
    argument = arguments.model or fastest_model()
    choice = choose(argument)
    least = least_confidence(arguments.abstain_below, choice)
    _check_output(arguments.output, arguments.input, choice)

    from complaints.batch_scoring.manifest import missing, write_manifest
    from complaints.batch_scoring.plan import find_inputs, open_plan
    from complaints.batch_scoring.rows import Columns
    from complaints.batch_scoring.shard import Job
    from complaints.engine.checkpoints import code_digest

    name = argument.name if argument else next(iter(choice.parts))
    print(f"model: {printable(name)}", file=sys.stderr)
    digest = model_digest(*digests_of(choice))
    text_column = TEXT_COLUMN if arguments.text_column is None else arguments.text_column
    columns = Columns(text_column, arguments.id_column, arguments.encoding, arguments.max_characters)
    settings = vars(columns) | {"shard_rows": arguments.shard_rows, "abstain_below": least}
    settings |= {"precision": arguments.precision, "packages": {package: _version(package) for package in PACKAGES}}
    folder, inputs = find_inputs(arguments.input, arguments.output)
    # Readers, models and rules, in all packages, decide the bytes of the output.
    decided = {"model": {"name": name, "sha256": digest}, "settings": settings, "code": code_digest(["."])}
    plan = open_plan(arguments.output, folder, inputs, columns, decided, arguments.shard_rows)
    shards = plan.shards
    if arguments.plan_only:
        print(f"{sum(shard.rows for shard in shards)} rows in {len(shards)} shards planned")
        return 0
    _ignore_in_git(arguments.output)
    if arguments.shard is not None:
        share, shares = arguments.shard
        # Consecutive shards, so that a share opens as few files as possible.
        shards = shards[(share - 1) * len(shards) // shares : share * len(shards) // shares]
    todo = missing(arguments.output, shards)
    precision = arguments.precision
    job = Job(arguments.output, inputs, columns, arguments.shard_rows, choice, name, digest, precision, least)
    _score(job, todo, sum(shard.rows for shard in shards), arguments, with_ray)
    if arguments.shard is not None:
        print(f"share {share} of {shares}: {sum(shard.rows for shard in shards)} rows are done")
        return 0
    print(_summary(write_manifest(arguments.output, plan), arguments.output))
    return 0


def _ignore_in_git(output: Path) -> None:
    if in_project() and not (output / ".gitignore").exists():
        write_text(output / ".gitignore", "*")


def _score(job: Any, todo: list[Any], rows: int, arguments: argparse.Namespace, with_ray: bool) -> None:
    """Score shards, with a bar of the rows, their rate and the time that is left."""
    if not todo:
        return
    done = rows - sum(shard.rows for shard in todo)
    with tqdm(total=rows, initial=done, unit="row", desc="scoring", disable=None, smoothing=0) as bar:
        for count in _executed(job, todo, arguments, with_ray):
            bar.update(count)


def _executed(job: Any, todo: list[Any], arguments: argparse.Namespace, with_ray: bool) -> Iterator[int]:
    if with_ray:
        from complaints.batch_scoring.ray_data import score_with_ray

        return score_with_ray(job, todo, arguments.workers, arguments.address)
    from complaints.batch_scoring.processes import cores, score_locally

    return score_locally(job, todo, arguments.workers or cores())


def _summary(manifest: dict[str, Any], output: Path) -> str:
    counts = manifest["counts"]
    line = f"{counts['rows']} rows: {counts.get('scored', 0)} scored by {manifest['model']['name']}"
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(counts["reasons"].items()))
    return f"{line}, {counts['rejected']} rejected{f' ({reasons})' if reasons else ''}; in {output}"


def verify(output: Path) -> int:
    """Print what does not hold of a scored folder, and return the exit status: 0 if all of it holds."""
    from complaints.batch_scoring.manifest import problems

    found = problems(output)
    print("\n".join(found) if found else f"{output} holds: plan, inputs, outputs, and each row once")
    return 1 if found else 0
