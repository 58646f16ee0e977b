"""Purge of DVC's cache: objects with withdrawn complaints that only old versions need, and proof that they are gone."""

import logging
import os
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from complaints.core.errors import UserError
from complaints.core.files import file_digest
from complaints.forgetting.search import RUNS, cache_files
from complaints.forgetting.survey import Survey
from complaints.lineage.cache import Cache
from complaints.lineage.objects import ROW_INDEX


@dataclass
class Purge:
    """Objects to remove, and what was removed."""

    objects: dict[str, Path]
    """md5, or path of a file that is no object -> path in the cache, in the order of removal."""
    runs: list[Path]
    """Entries of the run cache that name these objects: DVC would offer them as results."""
    indices: list[Path] = field(default_factory=list)
    """Files of the index of rows, which has ids and is made again when it is needed."""
    kept: list[str] = field(default_factory=list)
    """md5s that are left to a person: objects of a cache outside of the project that no version names."""
    removed: list[str] = field(default_factory=list)
    """md5s of the objects removed."""
    links: int = 0
    """Number of removed files that have hard links elsewhere."""


def check_current(root: Path) -> None:
    """Check that the workspace and its dvc.lock are those of the ledger, of dvc.yaml and of params.yaml.

    Raises:
        UserError: if a stage has to run, or DVC cannot tell.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    logging.getLogger("dvc").setLevel(logging.CRITICAL + 1)
    try:
        with Repo(str(root)) as repo:
            changed = repo.status()
    except DvcException as error:
        raise UserError(
            f"DVC cannot tell what is out of date ({' '.join(str(error).split())}); run `dvc status`"
        ) from None
    if changed:
        names = ", ".join(sorted(changed))
        raise UserError(f"the workspace is not that of the ledger: {names} changed; run `dvc repro`, then this again")


def _order(survey: Survey) -> Callable[[str], tuple[bool, str]]:
    """Return the order of removal: the tables with texts last, from which a purge that is run again learns them."""
    with_texts = {found.name for found in survey.held("cache") if "text" in found.parts}
    return lambda md5: (md5 in with_texts, md5)


def plan(root: Path, survey: Survey) -> Purge:
    """Return what a purge removes.

    Raises:
        UserError: if the workspace's dvc.lock needs an object with a withdrawn complaint, or an affected checkpoint.
    """
    cache = Cache(root)
    needed = survey.outputs.needed_now()
    wanted = survey.objects | survey.derived
    if blocked := (survey.objects | set(survey.affected)) & needed:
        raise UserError(
            f"dvc.lock needs {len(blocked)} objects that hold withdrawn complaints or were made from them, such as "
            f"{min(blocked)}; run `dvc repro`, then this again"
        )
    there = dict(cache_files(cache.directory))
    chosen = sorted((wanted - needed) & there.keys(), key=_order(survey))
    kept = []
    if not cache.directory.resolve().is_relative_to(root.resolve()):
        named = survey.outputs.named()
        kept = [md5 for md5 in chosen if md5 not in named]
        chosen = [md5 for md5 in chosen if md5 in named]
    gone = {*chosen, *survey.affected} - needed
    indices = sorted((root / ROW_INDEX).parent.glob(f"{ROW_INDEX.name}*"))
    return Purge({md5: there[md5] for md5 in chosen}, _runs(cache.directory / RUNS, gone), indices, kept)


def _runs(folder: Path, md5s: Collection[str]) -> list[Path]:
    """Return the entries of a run cache that name one of these objects."""
    if not md5s or not folder.is_dir():
        return []
    entries = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in entries if any(md5 in path.read_text(errors="replace") for md5 in md5s))


def execute(purge: Purge) -> None:
    """Remove the objects. A purge that is killed here is completed by running it again."""
    for path in (*purge.runs, *purge.indices):
        path.unlink(missing_ok=True)
    for md5, path in purge.objects.items():
        purge.links += path.stat().st_nlink > 1
        os.unlink(path)
        purge.removed.append(md5)


def damaged_objects(cache: Path) -> tuple[int, list[str]]:
    """Hash all objects of a cache, and return their number and those whose bytes do not have their md5."""
    objects = [(md5, path) for md5, path in cache_files(cache) if "/" not in md5]
    with ThreadPoolExecutor() as pool:
        digests = pool.map(lambda item: file_digest(item[1], "md5"), objects)
        shown = tqdm(digests, "hash what is left", len(objects), unit=" objects", disable=None)
        damaged = [md5 for (md5, _), now in zip(objects, shown, strict=True) if md5.partition(".")[0] != now]
    return len(objects), damaged
