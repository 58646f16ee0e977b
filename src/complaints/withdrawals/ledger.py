"""Ledger of withdrawn complaints: salted digests of row ids and texts, without the ids and texts themselves.

A digest is sha256(salt, kind, value); the salt is random and in the file, since every clone must be able to apply it.
Entries are grouped by salt, so that the ledgers of two branches are merged by keeping the groups of both.
"""

import hashlib
import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, Strict, StringConstraints

from complaints.core.config import check
from complaints.core.errors import UserError
from complaints.core.files import write_json
from complaints.core.inputs import check_regular
from complaints.core.section import Section
from complaints.core.yaml_text import CONFLICT
from complaints.dedup.normalize import normalize_text
from complaints.text.pii import mask

LEDGER = Path("data/withdrawn.json")
SALT_BYTES = 16

Role = Literal["train", "validation", "test"]
"""The split with the withdrawn complaint: weights are fitted to train, epochs are chosen on validation, features are
computed of all splits."""

_Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
_Digests = Annotated[tuple[_Digest, ...], Strict(False)]
_Salt = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32,}$")]
_Md5 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}(\.dir)?$")]


class Affected(Section):
    """A checkpoint that was made from withdrawn complaints, or features that were."""

    path: str
    """Its output in dvc.lock."""
    role: Role


class _Group(Section):
    ids: _Digests
    texts: _Digests


class _File(Section):
    affected: dict[_Md5, Affected] = Field(default_factory=dict)
    withdrawn: dict[_Salt, _Group] = Field(default_factory=dict)


def normal_form(text: str) -> str | None:
    """Return the form of a text that its digest is computed from, None for a text without a letter or digit.

    It is that of exact duplicates, with personal data masked: the same whether fetch.mask_personal_data is set or not.
    Blank and wholly redacted texts have none, since their equality proves nothing.
    """
    normal = normalize_text(mask(text)[0])
    return normal if any(character.isalnum() for character in normal) else None


@dataclass(frozen=True)
class Group:
    """Digests under one salt."""

    salt: str
    ids: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()

    def id_digest(self, row_id: str) -> str:
        """Return the digest of a row id."""
        return hashlib.sha256(f"{self.salt}\nid\n{row_id}".encode()).hexdigest()

    def text_digest(self, normal: str) -> str:
        """Return the digest of a text's normal form."""
        return hashlib.sha256(f"{self.salt}\ntext\n{normal}".encode()).hexdigest()


@dataclass(frozen=True)
class Withdrawals:
    """The withdrawn complaints of a ledger, and the checkpoints that were made from them."""

    groups: tuple[Group, ...] = ()
    affected: dict[str, Affected] = field(default_factory=dict)
    """md5 of a checkpoint in dvc.lock -> its path, and the part of the data that had the complaint."""

    def __bool__(self) -> bool:
        """Return whether any complaint is withdrawn."""
        return any(group.ids or group.texts for group in self.groups)

    @property
    def sizes(self) -> tuple[int, int]:
        """The number of digests of ids and of texts."""
        return sum(len(group.ids) for group in self.groups), sum(len(group.texts) for group in self.groups)

    def covers_id(self, row_id: str) -> bool:
        """Return whether a row id is withdrawn."""
        return any(group.id_digest(row_id) in group.ids for group in self.groups)

    def covers_normal(self, normal: str | None) -> bool:
        """Return whether a normal form, or None, is that of a withdrawn text."""
        return normal is not None and any(group.text_digest(normal) in group.texts for group in self.groups)

    def covers(self, row_id: str, text: str) -> bool:
        """Return whether a complaint is withdrawn, by its id or by its text."""
        return self.covers_id(row_id) or self.covers_normal(normal_form(text))

    def extended(self, ids: Iterable[str], normals: Iterable[str]) -> "Withdrawals":
        """Return these withdrawals and those of row ids and normal forms, under the first salt or a new one."""
        groups = list(self.groups) or [Group(secrets.token_hex(SALT_BYTES))]
        first = groups[0]
        new_ids = {first.id_digest(row_id) for row_id in ids if not self.covers_id(row_id)}
        new_texts = {first.text_digest(normal) for normal in normals if not self.covers_normal(normal)}
        groups[0] = Group(first.salt, first.ids | new_ids, first.texts | new_texts)
        return Withdrawals(tuple(groups), self.affected)


def read_ledger(path: Path) -> Withdrawals:
    """Read a ledger.

    Raises:
        UserError: if the file is missing, cannot be read, has conflict markers, or is not a ledger.
    """
    check_regular(path)
    remedy = f"run `git checkout {path}`"
    try:
        text = path.read_text(encoding="utf-8")
        tree: Any = json.loads(text)
    except FileNotFoundError:
        raise UserError(f"{path} is missing, and with it the list of withdrawn complaints; {remedy}") from None
    except (OSError, ValueError, RecursionError) as error:
        if isinstance(error, json.JSONDecodeError) and CONFLICT.search(text):
            problem = f"{path} has the conflict markers of a git merge; keep the entries of both sides"
            raise UserError(f"{problem}, then run this again") from None
        raise UserError(f"{path} cannot be read as JSON ({error}); {remedy}") from None
    content = check(_File, tree, path)
    groups = [Group(s, frozenset(g.ids), frozenset(g.texts)) for s, g in sorted(content.withdrawn.items())]
    return Withdrawals(tuple(groups), dict(content.affected))


def write_ledger(path: Path, withdrawals: Withdrawals) -> None:
    """Write a ledger, atomically; equal withdrawals have equal bytes, and their order tells nothing."""
    tree = {
        "affected": {md5: affected.model_dump() for md5, affected in withdrawals.affected.items()},
        "withdrawn": {g.salt: {"ids": sorted(g.ids), "texts": sorted(g.texts)} for g in withdrawals.groups},
    }
    write_json(path, tree)


def normal_forms(texts: Sequence[str]) -> set[str]:
    """Return the normal forms of texts, without those that have none."""
    return {normal for text in texts if (normal := normal_form(text)) is not None}


NONE = Withdrawals()
"""The content of the ledger in which nothing is withdrawn."""
