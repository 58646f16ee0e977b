"""Sizes and numbers of files that dvc.lock records beside the md5s, compared with the files that have these md5s."""

from typing import Any

from complaints.core.config import read_yaml
from complaints.core.errors import UserError
from complaints.core.stage_inputs import LOCK_FILE
from complaints.lineage.hashes import Hashes
from complaints.lineage.problems import Problem
from complaints.verifying.subject import Subject


def check_sizes(subject: Subject, hashes: Hashes) -> list[Problem]:
    """Return where dvc.lock has another `size` or `nfiles` than the files of an entry, whose md5 is as recorded.

    Entries whose files differ are problems already.
    """
    try:
        stages = read_yaml(subject.root / LOCK_FILE)["stages"]
    except (UserError, KeyError, TypeError):
        return []
    problems = []
    for name in subject.lock:
        for entry in (*stages[name].get("deps", ()), *stages[name].get("outs", ())):
            path = str(entry["path"]).rstrip("/")
            amount = hashes.amount(path)
            if amount is not None and hashes.md5s.get(path) == entry["md5"]:
                problems += _compared(name, path, entry, *amount)
    return problems


def _compared(stage: str, path: str, entry: dict[str, Any], size: int, files: int | None) -> list[Problem]:
    amounts = {"size": size, "nfiles": files}
    wrong = [f"{key} {entry[key]}, it is {now}" for key, now in amounts.items() if entry.get(key, now) != now]
    return [Problem(stage, path, "size", f"{path} has in dvc.lock {' and '.join(wrong)}")] if wrong else []
