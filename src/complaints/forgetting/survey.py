"""Survey of a project: every place that still holds withdrawn complaints, and every place that cannot be searched."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from complaints.core.files import file_digest
from complaints.forgetting.matcher import Matcher
from complaints.forgetting.outputs import Outputs, judge_checkpoints, members, read_outputs, run_cache_versions
from complaints.forgetting.remotes import Remote, RemoteError, remote_names
from complaints.forgetting.search import RUNS, Found, Where, cache_files, search, search_git, workspace_files
from complaints.lineage.cache import Cache
from complaints.lineage.git import git
from complaints.lineage.history import History
from complaints.tracking.store import ARTIFACTS, DATABASE, store_of
from complaints.withdrawals.ledger import Affected, Withdrawals

MLFLOW = (DATABASE, ARTIFACTS, "mlruns")
"""Names at the root of the project that belong to MLflow's store."""


@dataclass
class Survey:
    """Everything that is known about where withdrawn complaints are."""

    outputs: Outputs
    found: list[Found] = field(default_factory=list)
    """Files in cache, workspace, MLflow's store and git."""
    remotes: dict[str, set[str]] = field(default_factory=dict)
    """Name of a remote -> md5s of its objects that are held or derived."""
    affected: dict[str, Affected] = field(default_factory=dict)
    """Checkpoints made from the complaints: those of the ledger, and those found now."""
    cached: set[str] = field(default_factory=set)
    """md5s of the objects in the cache."""
    unnamed: set[str] = field(default_factory=set)
    """md5s of the files of affected checkpoints by their listings in the cache, also of those that no version names."""
    searched: int = 0
    """Number of files searched."""
    unreached: list[str] = field(default_factory=list)
    """Sentences about places that were not, or not wholly, searched."""

    def held(self, *where: str) -> list[Found]:
        """Return the files in these kinds of places that hold complaints."""
        return [found for found in self.found if found.holds and found.where in where]

    @property
    def objects(self) -> set[str]:
        """md5s of the objects that hold complaints, in the cache or on a remote."""
        return {found.name for found in self.held("cache", "remote")}

    @property
    def derived(self) -> set[str]:
        """md5s of the files of affected checkpoints, without those that other outputs have too."""
        own: set[str] = set()
        others: set[str] = set()
        for version, files in zip(self.outputs.versions, self.outputs.files, strict=True):
            folders = [o for stage in version.lock.values() for o in stage.outs if o.md5 in self.affected]
            inside = tuple(f"{out.path}/" for out in folders)
            exact = {out.path for out in folders}
            for path, md5 in files.items():
                (own if path in exact or path.startswith(inside) else others).add(md5)
        return (own | self.unnamed) - others


def _mlflow_elsewhere(root: Path, survey: Survey) -> list[tuple[str, Path]]:
    """Return the files of MLflow's store outside of the project, and note a store that is not on this machine."""
    store = store_of(root)
    if store.database is None:
        survey.unreached.append(f"MLflow's store {store.shown} is a server; search its runs and artifacts there")
        return []
    if store.address is None:
        return []
    return [(str(store.database), store.database)] if store.database.is_file() else []


def _notes(root: Path, history: History, survey: Survey) -> None:
    """Note the parts of the history that cannot be read, and the clones that git knows of."""
    if history.unreadable:
        survey.unreached.append(f"{len(history.unreadable)} old versions of dvc.lock are damaged")
    if history.shallow:
        survey.unreached.append("this clone is shallow; `git fetch --unshallow` brings the older versions")
    if survey.outputs.missing:
        names = ", ".join(sorted(set(survey.outputs.missing.values())))
        survey.unreached.append(f"the listings of {len(survey.outputs.missing)} old folders ({names}) are nowhere here")
    for name in (git(root, "remote") or "").split():
        survey.unreached.append(f"git remote {name}: its commits, and clones of it, have what git has here")
    survey.unreached.append("clones, copies and backups of this project elsewhere are not known here")


def take(
    root: Path, history: History, withdrawals: Withdrawals, matcher: Matcher, remotes: Sequence[str] = ()
) -> Survey:
    """Search a project.

    Args:
        root: The folder of dvc.yaml.
        history: All versions of dvc.lock.
        withdrawals: The ledger.
        matcher: The withdrawn complaints; it learns their ids and texts.
        remotes: Remotes of which also the objects that the cache lacks are searched.
    """
    cache = Cache(root)
    directory = cache.directory
    survey = Survey(read_outputs([*history.versions, *run_cache_versions(directory / RUNS)], cache))
    objects = cache_files(directory)
    files = workspace_files(root, [directory, root / ".git"])
    mlflow = [item for item in files if item[0].split("/")[0].startswith(MLFLOW)] + _mlflow_elsewhere(root, survey)
    workspace = [item for item in files if item not in set(mlflow)]
    survey.found = search("cache", objects, matcher)
    survey.found += search("workspace", workspace, matcher)
    survey.found += search("mlflow", mlflow, matcher)
    survey.found += search_git(root, matcher)
    survey.searched = len(objects) + len(files)
    survey.cached = {name for name, _ in objects}
    _search_remotes(root, remotes, survey.cached, matcher, survey)
    judged = judge_checkpoints(survey.outputs, survey.objects, survey.cached)
    survey.affected = withdrawals.affected | judged.affected
    if unknown := {md5: path for md5, path in judged.unknown.items() if md5 not in withdrawals.affected}:
        names = ", ".join(sorted(set(unknown.values())))
        survey.unreached.append(f"{len(unknown)} old checkpoints ({names}) were made from data that are not here")
    listings = [cache.path(md5) for md5 in survey.affected if md5.endswith(".dir") and md5 in survey.cached]
    survey.unnamed = {md5 for path in listings for md5 in members(path.read_bytes()).values()}
    _search_copies(workspace + mlflow, survey)
    _ask_remotes(root, survey)
    for found in survey.found:
        if found.is_unreadable and (found.where != "workspace" or found.name.startswith(("data/", "scratch/"))):
            survey.unreached.append(f"{found.where} {found.name} is {' '.join(sorted(found.parts))}")
    tracked = set((git(root, "ls-files") or "").splitlines())
    named = {md5 for files in survey.outputs.files for path, md5 in files.items() if path not in tracked}
    if absent := named.difference(survey.cached, *survey.remotes.values()):
        survey.unreached.append(
            f"{len(absent)} objects of old versions are not in the cache: purged, or never here; `--remote NAME` "
            "searches a remote for them"
        )
    _notes(root, history, survey)
    return survey


def _search_remotes(root: Path, names: Sequence[str], known: set[str], matcher: Matcher, survey: Survey) -> None:
    for name in names:
        remote = Remote(root, name)
        try:
            survey.found += remote.search(known, matcher)
        except RemoteError as error:
            survey.unreached.append(f"remote {name} ({remote.address}): {error}")


def _ask_remotes(root: Path, survey: Survey) -> None:
    """Ask every remote which of the objects in question it has."""
    for name in remote_names(root):
        remote = Remote(root, name)
        try:
            survey.remotes[name] = remote.has(survey.objects | survey.derived)
        except RemoteError as error:
            survey.unreached.append(f"remote {name} ({remote.address}): {error}")


def _search_copies(files: Sequence[tuple[str, Path]], survey: Survey) -> None:
    """Find copies of the files of affected checkpoints outside of the cache, by md5."""
    derived = survey.derived
    for name, path in files if derived else []:
        if os.path.isfile(path) and file_digest(path, "md5") in derived:
            where: Where = "mlflow" if name.startswith(MLFLOW) else "workspace"
            survey.found.append(Found(where, name, frozenset({"checkpoint"}), path))


def outputs_line(outputs: Outputs, md5: str) -> str:
    """Return the paths of an object in old versions, and their names."""
    named = outputs.paths_of(md5)
    if not named:
        return "named by no version"
    path, names = next(iter(named.items()))
    distinct = list(dict.fromkeys(names))
    more = f" and {len(distinct) - 3} more versions" if len(distinct) > 3 else ""
    return f"{path} of {'; '.join(distinct[:3])}{more}"
