"""Facts for the card of a copy that are in no output of a stage: time, energy, hashes of the code, and the commit."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from complaints.cards.markdown import escaped, facts, paragraphs, table
from complaints.core.dvc_lock import Entry, Stage, read_lock
from complaints.costs import training_time
from complaints.lineage.chain import chain_of
from complaints.lineage.git import git

LOCK = "dvc.lock"
RECORD = (LOCK, "dvc.yaml", "params.yaml", "requirements.txt", "src", "stages")
"""What git must have unchanged for a commit to stand for the record."""


def _times(models: Mapping[str, Entry], watts: float | None) -> Iterator[str]:
    for name, made in models.items():
        time = training_time.read(name, made.md5)
        if time is None:
            yield f"The time of the training of {name} is not known on the machine that made this copy."
            continue
        machine = time["machine"]
        seconds = float(time["seconds"])
        yield facts(
            [
                (f"time of the training of {name}", f"{seconds:,.1f} s for {time['examples']:,} rows of all steps"),
                ("machine", f"{escaped(machine['processor'])}, {machine['cores']} cores"),
                ("energy", None if watts is None else f"{watts * seconds / 3600:,.3g} Wh, at {watts:g} W"),
            ]
        )
    if watts is None:
        yield "The energy was not measured. `--watts` estimates it from the mean power of the machine."
    else:
        yield "The energy is an estimate: the power that was named, times the time."


def _code(lock: dict[str, Stage], models: Mapping[str, Entry]) -> str:
    """Return the hashes of the code of all stages behind the models, from dvc.lock."""
    found: set[tuple[str, str]] = set()
    for made in models.values():
        recorded = {out.path: out.md5 for stage in lock.values() for out in stage.outs}
        if recorded.get(made.path) != made.md5:
            return (
                f"{LOCK} has no record of {made.path} with the md5 {made.md5}, so the hashes of its code are not known."
            )
        for step in chain_of(lock, made.path).steps:
            found |= {(dep.path, dep.md5) for dep in step.stage.deps if step.kind(dep) == "code"}
    return table(("code", "md5"), [(f"`{path}`", f"`{md5}`") for path, md5 in sorted(found)], texts=2)


def _commit(root: Path) -> str:
    commit = git(root, "rev-parse", "HEAD")
    if commit is None:
        return "This project is in no git commit."
    changed = git(root, "status", "--porcelain", "--", *RECORD)
    return f"Commit of the project: `{commit}`" + (", with changes that are not committed." if changed else ".")


def measured(models: Mapping[str, Entry], root: Path, watts: float | None) -> str:
    """Return Markdown for the end of a copy's card.

    Args:
        models: Name -> path and md5 of each model, as in its lineage.
        root: The root of the project.
        watts: The mean power of the machine, None if it is not known.

    Raises:
        UserError: if dvc.lock cannot be read.
    """
    lock = read_lock(root / LOCK)
    return "\n" + paragraphs([*_times(models, watts), "## Code", _code(lock, models), _commit(root)]) + "\n"
