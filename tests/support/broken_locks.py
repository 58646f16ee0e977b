"""Ways in which dvc.lock is found broken: cut off, merged, edited, or written by another DVC."""

from pathlib import Path

MD5 = "0123456789abcdef" * 2
GIT = "run `git checkout dvc.lock`, or `rm dvc.lock`"
OURS = "run `git checkout --ours dvc.lock reports/*.json data/raw/source.json` and `dvc repro`"


def with_stage(text: str) -> str:
    return f"schema: '2.0'\nstages: {{s: {text}}}\n"


BROKEN: dict[str, tuple[str | bytes | Path, str, str]] = {
    "a link to nothing": (Path("gone.lock"), "is a link to nothing", GIT),
    "a link to itself": (Path("dvc.lock"), "is a link to nothing", GIT),
    "empty": ("", "is empty", GIT),
    "blank": ("  \n", "is empty", GIT),
    "cut off in a key": ("schema: '2.0'\nsta", "could not find|expected", GIT),
    "cut off in a hash": (with_stage("{cmd: x, deps: [{path: p, hash: md5, md5: 43eb}]}"), "md5 is '43eb'", GIT),
    "cut off in a hash of digits": (with_stage("{cmd: x, outs: [{path: p, hash: md5, md5: 43}]}"), "md5 is 43", GIT),
    "cut off after a path": (with_stage("{cmd: x, deps: [{path: p}]}"), r"line 2: stages.s.deps\[0\] lacks hash", GIT),
    "cut off after a command": (with_stage("{cmd: }"), "stages.s.cmd", GIT),
    "NUL bytes": ("schema: '2.0'\n" + "\0" * 99, "dvc.lock", GIT),
    "not UTF-8": (b"schema: '2.0'\nstages: \xe9\n", "dvc.lock", GIT),
    "another schema": ("schema: '3.0'\nstages: {}\n", "schema is '3.0', not '2.0'", GIT),
    "schema 1": ("prep: 1\n", "schema is None", GIT),
    "a list": ("- 1\n", "schema is None", GIT),
    "a text": ("text\n", "schema is None", GIT),
    "stages are a list": ("schema: '2.0'\nstages: []\n", "stages", GIT),
    "stages are null": ("schema: '2.0'\nstages:\n", "stages", GIT),
    "a stage is null": (with_stage("null"), "stages.s", GIT),
    "no command": (with_stage("{deps: []}"), "stages.s lacks cmd", GIT),
    "a command of another type": (with_stage("{cmd: 1}"), "stages.s.cmd", GIT),
    "dependencies are a mapping": (with_stage("{cmd: x, deps: {a: b}}"), "stages.s.deps", GIT),
    "dependencies are texts": (with_stage("{cmd: x, deps: [a]}"), r"stages.s.deps\[0\]", GIT),
    "a path is a number": (with_stage(f"{{cmd: x, deps: [{{path: 1, hash: md5, md5: {MD5}}}]}}"), "path is 1", GIT),
    "a path is empty": (with_stage(f"{{cmd: x, deps: [{{path: '', hash: md5, md5: {MD5}}}]}}"), "path is empty", GIT),
    "hashes of DVC 2": (with_stage(f"{{cmd: x, deps: [{{path: p, md5: {MD5}}}]}}"), "lacks hash", GIT),
    "parameters are a list": (with_stage("{cmd: x, params: [1]}"), "stages.s.params", GIT),
    "parameters of a file are a list": (with_stage("{cmd: x, params: {params.yaml: [1]}}"), "stages.s.params", GIT),
    "a stage twice": ("schema: '2.0'\nstages:\n  s: {cmd: x}\n  s: {cmd: y}\n", "line 4", GIT),
    "a key twice": (with_stage("{cmd: x, cmd: y}"), "line 2", GIT),
    "a path twice": (
        with_stage(f"{{cmd: x, outs: [{{path: p, hash: md5, md5: {MD5}}}, {{path: p/, hash: md5, md5: {MD5}}}]}}"),
        r"stages.s.outs\[1\] lists p for the second time",
        GIT,
    ),
    "conflict markers": (
        "schema: '2.0'\nstages:\n<<<<<<< HEAD\n  s: {cmd: x}\n=======\n  s: {cmd: y}\n>>>>>>> other\n", "conflict", OURS
    ),
}  # fmt: skip


def write_broken(path: Path, damage: str) -> None:
    """Write one of them; a path is the target of a link."""
    content = BROKEN[damage][0]
    if isinstance(content, Path):
        path.unlink(missing_ok=True)
        path.symlink_to(content)
        return
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
