"""All checks of a project, and their findings."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from complaints.core import paths
from complaints.core.dvc_lock import Entry, is_inside
from complaints.core.errors import UserError
from complaints.lineage.hashes import Hashes
from complaints.lineage.problems import Problem
from complaints.lineage.verify import check_stages
from complaints.scoring.rungs import COMPRESSED, compressed_name
from complaints.verifying.digests import check_digests
from complaints.verifying.findings import Finding, Graph, differences, group
from complaints.verifying.ignored import check_ignored
from complaints.verifying.links import check_links
from complaints.verifying.mending import Mender
from complaints.verifying.objects import CacheStore, RemoteStore, check_objects
from complaints.verifying.promises import check_signatures, check_withdrawn
from complaints.verifying.rows import Rows, check_rows
from complaints.verifying.sizes import check_sizes
from complaints.verifying.subject import Subject, members


@dataclass(frozen=True)
class Verified:
    """Counts of verified objects, and the findings."""

    findings: tuple[Finding, ...]
    checked: tuple[str, ...]
    """What was compared, with numbers, for people."""


class Verification:
    """The checks of one project, in order."""

    def __init__(self, subject: Subject, hashes: Hashes) -> None:
        """Start without findings."""
        self._subject, self._hashes = subject, hashes
        self._mender = Mender(subject, hashes)
        self._graph = Graph(subject.chain)
        self._findings: list[Finding] = []
        self._checked: list[str] = []

    def result(self) -> Verified:
        """Return what was found so far."""
        return Verified(tuple(self._findings), tuple(self._checked))

    def _add(self, problems: Sequence[Problem], mend: str, files: tuple[str, ...] = ()) -> None:
        stages = tuple(dict.fromkeys(problem.stage for problem in problems))
        found = {stage for problem in problems for stage in self._graph.affected(problem)}
        affected = tuple(stage.name for stage in self._graph.chain if stage.name in found)
        self._findings.append(Finding(problems[0], stages, files, affected, self._graph.outputs(affected), mend))

    def check_project(self) -> None:
        """Compare stages, files, links, records and rows."""
        subject, hashes = self._subject, self._hashes
        problems = check_stages(subject.lock, subject.pipeline.stages, subject.chain, hashes)
        if subject.revision is None:
            problems += check_links(subject)
            problems += check_ignored(subject)
        problems += check_sizes(subject, hashes)
        problems += check_digests(subject.lock, hashes)
        problems += check_rows(subject.lock, hashes)
        problems += check_withdrawn(subject.lock, subject.root)
        problems = [self._of_revision(problem) for problem in problems]
        broken = {problem.path for problem in problems if problem.kind in ("changed", "missing", "symlink")}
        for same in group(problems):
            if not self._is_consequence(same[0], broken):
                self._add(same, self._mender.command(same[0]), self._files(same[0]))
        self._checked.append(
            f"{len(subject.chain)} stages, {self._count('deps')} inputs, {self._count('outs')} outputs, all rows"
        )

    def _of_revision(self, problem: Problem) -> Problem:
        """Return a problem; what is missing of a revision is missing in git and DVC's cache, not in the workspace."""
        subject = self._subject
        if subject.revision is None or problem.kind != "missing":
            return problem
        what = problem.message.partition(", is not in the workspace")[0]
        where = f"is neither in {subject.revision} of git nor in DVC's cache, and {subject.cache.remote}"
        return replace(problem, message=f"{what}, {where}")

    def _count(self, kind: str) -> int:
        return len({entry.path for stage in self._subject.lock.values() for entry in getattr(stage, kind)})

    def _expected(self, path: str) -> dict[str, str]:
        """Return the recorded md5 of each file of a folder: from the cache's listing, or from the outputs inside."""
        outs = {out.path: out for stage in self._subject.lock.values() for out in stage.outs}
        if path in outs:
            return members(self._subject.cache, outs[path])
        inside = [out for out in outs.values() if is_inside(out.path, path)]
        return {
            f"{out.path}/{name}".rstrip("/").removeprefix(f"{path}/"): md5
            for out in inside
            for name, md5 in members(self._subject.cache, out).items()
        }

    def _files(self, problem: Problem) -> tuple[str, ...]:
        """Return what differs in a folder, where a listing of it is known."""
        if problem.kind != "changed" or not (self._hashes.root / problem.path).is_dir():
            return ()
        before = self._expected(problem.path)
        return differences(before, self._hashes.listing(problem.path)) if before else ()

    def _is_consequence(self, problem: Problem, broken: set[str]) -> bool:
        """Return whether a problem is the effect of others: of outputs in a folder, or of those that a record names."""
        if problem.kind in ("checkpoint", "manifest", "record"):
            model = (paths.MODELS / Path(problem.path).stem).as_posix()
            named = {"checkpoint": model, "manifest": paths.COMPLAINTS.as_posix()}.get(problem.kind, problem.path)
            outs = {out.path for stage in self._subject.lock.values() for out in stage.outs}
            return any(is_inside(named, path) for path in broken & outs)
        if problem.kind != "changed":
            return False
        files = [f"{problem.path}/{difference.split(' ', 1)[1]}" for difference in self._files(problem)]
        # Of a folder and an output inside it that both differ, the output is the cause.
        inside = [path for path in broken if path != problem.path and is_inside(path, problem.path)]
        if problem.path in self._hashes.problems:  # the reason names what in the folder has no hash
            return any(problem.message.startswith((f"{path} ", f"{path}/")) for path in inside)
        return bool(files) and all(any(is_inside(file, path) for path in inside) for file in files)

    def check_cache(self) -> None:
        """Hash the objects of DVC's cache."""
        subject = self._subject
        store = CacheStore(subject.cache, self._hashes)
        # The run cache keeps small outputs that are in git, too: nothing needs them, and `dvc repro` may restore them.
        copies = [
            (stage, out)
            for stage in subject.lock.values()
            for out in stage.outs
            if out.path not in subject.pipeline.cached and subject.cache.has(out.md5)
        ]
        lost, count = check_objects(store, [*subject.in_cache, *copies], self._listing)
        for item in lost:
            self._add([item.problem], self._mender.cache_command(item))
        self._checked.append(f"{count} objects of DVC's cache")

    def check_remote(self, remote: str, on_read: Callable[[int], None]) -> None:
        """Hash the objects of a remote.

        Raises:
            UserError: if it cannot be read.
        """
        store = RemoteStore(self._subject.cache, remote, on_read)
        lost, count = check_objects(store, self._subject.in_cache, self._listing)
        for item in lost:
            self._add([item.problem], self._mender.remote_command(item, remote))
        self._checked.append(f"{count} objects of the remote {remote}")

    def check_signatures(self, public_key: Path) -> None:
        """Check the signatures of the checkpoints in the workspace.

        Raises:
            UserError: if the key cannot be used, or no checkpoint has a signature.
        """
        problems, count = check_signatures(self._subject.lock, public_key)
        for problem in problems:
            self._add([problem], self._mender.command(problem))
        self._checked.append(f"{count} signed checkpoint{'s' if count != 1 else ''}")

    def _listing(self, out: Entry) -> dict[str, str]:
        """Return the files of a folder in the workspace if it is as recorded."""
        return self._hashes.listing(out.path) if self._hashes.md5s.get(out.path) == out.md5 else {}

    def _is_empty(self, file: Path) -> bool:
        """Return whether predictions are those of a model that is off."""
        table = Rows(self._subject.lock, self._hashes).read(file.as_posix())
        return table is not None and not table.num_rows

    def _predicted(self, out: Entry) -> Iterator[tuple[str, str]]:
        """Yield rung and file of the predictions that an output has."""
        path = Path(out.path)
        if path.parent == paths.PREDICTIONS / COMPRESSED:
            for file in sorted((self._subject.root / path).glob("*.parquet")):
                yield compressed_name(path.name, file.stem), f"{out.path}/{file.name}"
        elif path.parent == paths.PREDICTIONS and path.suffix == ".parquet" and not self._is_empty(path):
            yield path.stem, out.path

    def check_models(self, count: int) -> None:
        """Predict rows of each model again."""
        from complaints.verifying.again import predict_again

        rows, models = 0, 0
        for stage in self._subject.lock.values():
            for name, path in ((name, path) for out in stage.outs for name, path in self._predicted(out)):
                try:
                    again = predict_again(self._subject.root, name, count)
                except UserError as error:
                    message = f"{path} cannot be predicted again: {error}"
                    problem: Problem | None = Problem(stage.name, path, "prediction", message)
                else:
                    rows, models = rows + again.rows, models + 1
                    problem = again.problem(stage.name, path)
                if problem is not None:
                    self._add([problem], self._mender.command(problem))
        self._checked.append(f"{rows} rows of {models} models, predicted again")
