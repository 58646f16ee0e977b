"""The command `complaints forget`: records withdrawn complaints, lists what still holds them, purges old objects."""

import argparse
import sys
from functools import partial
from pathlib import Path

from complaints.core import paths
from complaints.core.dvc_lock import read_lock
from complaints.core.errors import UserError
from complaints.core.parquet import parquet_batches
from complaints.core.stage_inputs import LOCK_FILE
from complaints.forgetting.matcher import Matcher
from complaints.forgetting.purge import Purge, check_current, damaged_objects, execute, plan
from complaints.forgetting.remotes import Remote, RemoteError
from complaints.forgetting.report import (
    Section,
    as_text,
    check_certificate,
    default_certificate,
    holding,
    object_line,
    write_certificate,
)
from complaints.forgetting.rows import near_duplicates, remaining_texts, texts_of
from complaints.forgetting.search import cache_files
from complaints.forgetting.survey import Survey, take
from complaints.lineage.cache import Cache
from complaints.lineage.history import history
from complaints.lineage.withdrawals import withdrawn
from complaints.withdrawals.batches import WithdrawnFilter
from complaints.withdrawals.ledger import LEDGER, Withdrawals, normal_forms, write_ledger

UNREACHED = "Not reached"


def _ids(arguments: argparse.Namespace) -> list[str]:
    """Return the ids of the command line and of the file."""
    ids = list(arguments.ids)
    if arguments.ids_from is not None:
        try:
            ids += arguments.ids_from.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(
                f"{arguments.ids_from} cannot be read ({error}); give a text file with an id a line"
            ) from None
    return list(dict.fromkeys(row_id.strip() for row_id in ids if row_id.strip()))


def _tables(root: Path, own_ids: bool) -> list[Path]:
    """Return the tables in which ids name complaints; numbers of rows do so in the workspace alone."""
    cached = [path for _, path in cache_files(Cache(root).directory)] if own_ids else []
    return [root / paths.COMPLAINTS, *cached]


def _record(
    ids: list[str], arguments: argparse.Namespace, ledger: Withdrawals, own_ids: bool, root: Path
) -> tuple[Withdrawals, dict[str, set[str]], str]:
    """Return the extended ledger, the withdrawn complaints by id, and a sentence on them.

    Raises:
        UserError: if no data has an id, or a complaint can be recognised by neither id nor text.
    """
    texts = texts_of(ids, _tables(root, own_ids))
    unseen = [row_id for row_id in ids if row_id not in texts]
    if unseen and (not arguments.unseen or not own_ids):
        raise UserError(
            f"no complaint {unseen[0]} is in {paths.COMPLAINTS} or DVC's cache; correct the id"
            + (", or record it with --unseen so that fetch leaves it out" if own_ids else "")
        )
    near = near_duplicates(ids, root) if arguments.near_duplicates else {}
    for row_id, text in near.items():
        texts.setdefault(row_id, set()).add(text)
    if not own_ids and (wordless := [row_id for row_id, spelt in texts.items() if not normal_forms([*spelt])]):
        raise UserError(
            f"complaint {wordless[0]} has no word, and its id is the number of its row: delete it in the source instead"
        )
    every = {*ids, *near}
    extended = ledger.extended(every if own_ids else (), normal_forms([text for t in texts.values() for text in t]))
    said = f"Recorded in {LEDGER}: complaints {len(ids)}, near duplicates {len(near)}"
    if (root / paths.COMPLAINTS).is_file():
        present = WithdrawnFilter(extended, own_ids)
        for _ in present.apply(parquet_batches(root / paths.COMPLAINTS)):
            pass
        others = present.row_ids - every
        said += f". Withdrawn rows of {paths.COMPLAINTS}: {len(present.row_ids)}"
        said += f", {len(others)} of them by their text alone" if others else ""
    return extended, texts, f"{said}."


def _agreed(purge: Purge, survey: Survey, yes: bool) -> None:
    """Show what a purge removes, and ask.

    Raises:
        UserError: if the user does not agree, or cannot be asked.
    """
    parts = {found.name: found.parts for found in survey.held("cache", "remote")}
    lines = [object_line(survey, md5, parts.get(md5, {"checkpoint"})) for md5 in purge.objects]
    print(as_text([Section("To be removed from DVC's cache", lines)]), file=sys.stderr)
    if yes:
        return
    if sys.stdin is None or not sys.stdin.isatty():
        raise UserError("nothing is removed without an answer, and there is no terminal to ask on; add --yes")
    print("Remove them? Old versions cannot be checked out completely afterwards. [y/N] ", end="", file=sys.stderr)
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise UserError("nothing was removed")


def _purge_remotes(root: Path, names: list[str], survey: Survey) -> list[str]:
    """Remove from remotes what only old versions need, and return a line for each remote."""
    lines = []
    for name in names:
        md5s = survey.remotes.get(name, set()) - survey.outputs.needed_now()
        try:
            Remote(root, name).remove(md5s)
        except RemoteError as error:
            survey.unreached.append(f"remote {name}: {error}")
        else:
            lines.append(f"remote {name}: {len(md5s)} objects")
    return lines


def _run_purge(
    arguments: argparse.Namespace, ledger: Withdrawals, survey: Survey, matcher: Matcher, root: Path
) -> tuple[list[Section], bool]:
    """Purge after asking, prove it, and return the report and whether DVC's cache is free of the complaints.

    Raises:
        UserError: as `check_current`, `plan` and `_agreed` do.
    """
    check_current(root)
    if new := survey.affected.keys() - ledger.affected.keys():
        raise UserError(
            f"{LEDGER} lacks {len(new)} affected checkpoints; run `complaints forget`, `dvc repro`, then this again"
        )
    purge = plan(root, survey)
    _agreed(purge, survey, arguments.yes)
    before = {md5: survey.outputs.paths_of(md5) for md5 in purge.objects}
    execute(purge)
    on_remotes = _purge_remotes(root, arguments.remote, survey)
    hashed, damaged = damaged_objects(Cache(root).directory)
    after = take(root, history(root), ledger, matcher)
    removed = [f"{md5} {next(iter(before[md5]), 'named by no version')}" for md5 in purge.removed]
    removed += [f"entry {path.parent.name[:12]} of the run cache" for path in purge.runs]
    removed += [*map(str, purge.indices), *on_remotes]
    needed = survey.outputs.needed_now() & survey.cached
    clean = not after.held("cache")
    proof = [
        f"{hashed} objects left in DVC's cache were hashed; {len(damaged)} do not have their md5",
        f"{after.searched} files in cache and workspace were searched; "
        + ("none of the cache holds a withdrawn complaint" if clean else f"{len(after.held('cache'))} still hold one"),
        f"the cache had {len(needed)} objects that dvc.lock names; {len(needed & after.cached)} of them are there",
    ]
    notes = (
        [f"{purge.links} removed objects have hard links elsewhere, such as in another clone"] if purge.links else []
    )
    notes += [f"object {md5} is in a cache outside of the project, and no version names it" for md5 in purge.kept]
    notes += [f"object {md5} is damaged; `dvc status` and `complaints verify` say more" for md5 in damaged]
    sections = [Section("Removed", removed), Section("Proof", proof), *holding(after)]
    return [*sections, Section(UNREACHED, [*notes, *after.unreached])], clean


def run(arguments: argparse.Namespace, own_ids: bool) -> int:
    """Run the command, and return its exit status: 1 if a purge leaves a complaint in the cache.

    Args:
        arguments: Those of `arguments.add`.
        own_ids: Whether row ids are those of the source, not numbers of rows.

    Raises:
        UserError: if there is nothing to do, an id is unknown, or a purge is not possible yet.
    """
    root = Path(".")
    certificate = arguments.certificate or (default_certificate() if arguments.purge else None)
    if certificate is not None:
        check_certificate(certificate)
    read_lock(root / LOCK_FILE)  # a damaged one would be passed over among old versions, with all that it needs
    ids = _ids(arguments)
    ledger = withdrawn(root)
    if ids and arguments.purge:
        raise UserError("a purge comes last: run `complaints forget ID`, `dvc repro`, then `complaints forget --purge`")
    if not ids and not ledger:
        raise UserError(f"{LEDGER} has no withdrawn complaint; name the ids to withdraw")
    said = "Nothing new is recorded."
    texts: dict[str, set[str]] = {}
    extended = ledger
    if ids:
        extended, texts, said = _record(ids, arguments, ledger, own_ids, root)
    matcher = Matcher(extended, own_ids, partial(remaining_texts, root, extended, own_ids))
    matcher.learn({*texts} if own_ids else set(), {text for spelt in texts.values() for text in spelt})
    survey = take(root, history(root), extended, matcher, arguments.remote)
    clean = True
    if arguments.purge:
        sections, clean = _run_purge(arguments, extended, survey, matcher, root)
        said = "Old objects were purged." if sections[0].lines else "There was nothing to purge."
    else:
        final = Withdrawals(extended.groups, survey.affected)
        if final != ledger:
            write_ledger(root / LEDGER, final)
        extended = final
        sections = [*holding(survey), Section(UNREACHED, survey.unreached)]
    print("\n\n".join(part for part in (said, as_text(sections)) if part))
    if certificate is not None:
        write_certificate(certificate, extended, said, sections, root)
        print(f"\nCertificate: {certificate}")
    if not arguments.purge and survey.held("cache", "workspace"):
        print(f"\nNext: `git add {LEDGER}`, `dvc repro`, commit, then `complaints forget --purge`.")
    return 0 if clean else 1
