"""Executor on Ray Data: shards are the rows of a data set, and a pool of actors maps each to its output files.

Ray moves numbers of shards alone: actors read the inputs and write the outputs themselves, in folders that every node
has at the same path. A shard whose actor dies has no part, so Ray or the next run of the command scores it again.
"""

import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from complaints.batch_scoring.plan import Shard
from complaints.batch_scoring.processes import ONE_THREAD, cores
from complaints.batch_scoring.shard import Job, Scorer
from complaints.core.errors import UserError

ON_WORKERS = ONE_THREAD | {"RAY_USAGE_STATS_ENABLED": "0"}
AUTH_MODE = "RAY_AUTH_MODE"
TOKEN_FILE = Path(".ray/auth_token")
"""Token of Ray's clusters, in the home folder; the first run of Ray on a machine writes it."""


class _Actor:
    """A worker in the form that Ray Data calls."""

    def __init__(self, job: Job, folder: str) -> None:
        """Take the job; relative paths in it are those of the command's working directory."""
        os.chdir(folder)
        self._scorer = Scorer(job)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Score the shards of a batch; a problem comes back as text, since Ray would repeat an exception."""
        try:
            done = [self._scorer.score(Shard(*map(int, row))) for row in batch["shard"]]
            return {"rows": done, "problem": [""] * len(done)}
        except UserError as error:
            return {"rows": [0], "problem": [str(error)]}


def score_with_ray(job: Job, shards: list[Shard], workers: int | None, address: str | None) -> Iterator[int]:
    """Score shards in actors, and yield the number of rows of each as it is done.

    Args:
        job: The job.
        shards: The shards to score.
        workers: Number of actors; None for one per core of the cluster.
        address: Address of a cluster; None for Ray on this machine.

    Raises:
        UserError: if the cluster cannot be reached, Ray ends before the work, or a shard cannot be scored.
    """
    os.environ.update(ON_WORKERS)
    if address and _has_token():
        # `ray start` takes a token that is there; a program that joins its cluster has to be told.
        os.environ.setdefault(AUTH_MODE, "token")
    import ray
    from ray.exceptions import RayError

    environment = {"env_vars": ON_WORKERS | {"PYTHONPATH": os.environ.get("PYTHONPATH", "")}}
    local: dict[str, Any] = {} if address else {"num_cpus": workers or cores(), "include_dashboard": False}
    try:
        _knock(address)
        ray.init(address or "local", runtime_env=environment, logging_level=logging.ERROR, log_to_driver=False, **local)
    except (OSError, ValueError, RuntimeError, RayError) as error:
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        if not address:
            raise UserError(f"Ray cannot start on this machine ({reason}); score without --ray") from None
        raise UserError(
            f"--address {address}: Ray cannot be reached ({reason}); start it with `ray start`, with the same "
            f"{AUTH_MODE} and token as here"
        ) from None
    try:
        yield from _mapped(job, shards, workers or int(ray.cluster_resources().get("CPU", 1)))
    except RayError as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        again = "what is scored stays, run the command again"
        if address:
            again += f"; {AUTH_MODE} is {os.environ.get(AUTH_MODE, 'not set')} here, and must be that of the cluster"
        raise UserError(f"Ray ended before the work ({reason}): {again}") from None
    finally:
        ray.shutdown()


def _knock(address: str | None) -> None:
    """Connect to HOST:PORT once, since Ray waits for minutes where nothing listens; OSError if it is so."""
    host, _, port = (address or "").rpartition(":")
    if port.isdecimal() and "/" not in host:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()


def _has_token() -> bool:
    """Return whether Ray has a token here, by its own variables or in the home folder."""
    return any(os.environ.get(f"RAY_AUTH_TOKEN{end}") for end in ("", "_PATH")) or (Path.home() / TOKEN_FILE).is_file()


def _mapped(job: Job, shards: list[Shard], workers: int) -> Iterator[int]:
    import ray

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    rows = [{"shard": [s.number, s.file, s.index, s.start, s.rows]} for s in shards]
    scored = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
        _Actor,
        fn_constructor_args=(job, str(Path.cwd())),
        batch_size=1,
        num_cpus=1,
        compute=ray.data.ActorPoolStrategy(size=min(workers, len(shards))),
    )
    for row in scored.iter_rows():
        if row["problem"]:
            raise UserError(row["problem"])
        yield row["rows"]
