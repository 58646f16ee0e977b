"""First screen of `complaints trace`: about ten lines on the data, code and parameters that made an output."""

import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from complaints.core import paths
from complaints.core.dvc_lock import is_inside
from complaints.core.files import read_json
from complaints.lineage.chain import Chain
from complaints.lineage.digest_tags import MODEL_MD5, digest_tag
from complaints.lineage.lock import stage_inputs_hash
from complaints.lineage.place import recorded_line
from complaints.lineage.training import COMPUTED
from complaints.tracing.defaults import chain_params, default_params, differing
from complaints.tracing.facts import Facts
from complaints.tracing.targets import Found

WIDTH = 110
DIGITS = 12
SHOWN_PARAMETERS = 6
LOGGED = ("baseline", "evaluate", "finetune")
"""Stages that have runs in MLflow."""
WITHDRAWN = Path("data/withdrawn.json")
NO_WITHDRAWALS: dict[str, Any] = {"affected": {}, "withdrawn": {}}
"""The ledger of withdrawn complaints (withdrawals/ledger.py), and its content without any."""


def _source(facts: Facts) -> str:
    origin = f"{facts.manifest.get('source')}{' (synthetic)' if facts.manifest.get('synthetic') else ''}"
    return f"{origin}, complaints with sha256 {str(facts.manifest.get('complaints_sha256'))[:DIGITS]}"


def _rows(facts: Facts) -> str:
    counts = [(facts.manifest, "rows_read", "read"), (facts.manifest, "rows_kept", "kept")]
    counts.append((facts.labels, "rows_kept", "labelled"))
    said = " -> ".join(f"{report[key]:,} {verb}" for report, key, verb in counts if key in report)
    splits = [
        f"{name} {facts.split[name]['rows']:,}" for name in ("train", "validation", "test") if name in facts.split
    ]
    method = f" ({facts.split.get('method')} split)" if splits else ""
    return said + (f" -> {', '.join(splits)}{method}" if splits else "")


def _trained_on(facts: Facts) -> str:
    return f"{facts.rows['rows']:,} rows, sha256 of their sorted ids {facts.rows['row_ids_sha256'][:DIGITS]}"


def _labels(facts: Facts) -> str:
    params = chain_params(facts.chain)
    files = [params.get(f"merge_labels.{key}") for key in ("map", "corrections")]
    md5s = {dep.path: dep.md5 for step in facts.chain.steps for dep in step.stage.deps}
    unused = {paths.NO_MAP.as_posix(), paths.NO_CORRECTIONS.as_posix()}
    used = [f"{file} (md5 {md5s[file][:DIGITS]})" for file in files if file in md5s and file not in unused]
    return f"{facts.labels['classes']} by {' and '.join(used) or 'their raw names'}"


def _backbone(facts: Facts) -> str | None:
    _, _, entry = facts.chain.steps[-1].stage.name.partition("@")
    backbone = chain_params(facts.chain).get(f"models.{entry}.backbone")
    digest = facts.record.get("backbone_sha256")
    return backbone and f"{backbone}{f', sha256 {digest[:DIGITS]}' if digest else ''}"


def _parameters(chain: Chain, root: Path) -> str | None:
    params, default = chain_params(chain), default_params(root)
    if not params or not default:
        return None
    found = differing(params, default)
    shown = [f"{key}={value} ({expected})" for key, (value, expected) in list(found.items())[:SHOWN_PARAMETERS]]
    more = [f"{len(found) - SHOWN_PARAMETERS} more"] if len(found) > SHOWN_PARAMETERS else []
    return f"{len(found)} of {len(params)} differ from the default{': ' if found else ''}{', '.join(shown + more)}"


def computed_text(record: Mapping[str, Any]) -> str | None:
    """Return how a training was computed, from its record, None if that says nothing."""
    how = [f"{key} {record[key]}" for key in COMPUTED if record.get(key) is not None]
    versions = record.get("versions") or {}
    named = [f"{name} {versions[name]}" for name in ("torch", "transformers", "scikit-learn") if name in versions]
    return "; ".join(part for part in (", ".join(how), ", ".join(named)) if part) or None


def _runs(chain: Chain) -> str | None:
    """Return the condition of a search in MLflow for the runs of the last stage, or for those that read its output."""
    stage = chain.steps[-1].stage
    model = next((out.md5 for out in stage.outs if is_inside(out.path, paths.MODELS.as_posix())), None)
    if stage.name.partition("@")[0] not in LOGGED:
        tag = f"`{digest_tag(chain.outs[0].path)}` = '{chain.outs[0].md5}'" if len(chain.outs) == 1 else None
    else:
        tag = f"{MODEL_MD5} = '{model}'" if model else f"fingerprint = '{stage_inputs_hash(stage)}'"
    return tag and f"MLflow finds them by tags.{tag}"


def stale(chain: Chain, root: Path) -> str | None:
    """Return why an output is stale by withdrawn complaints, None if it is not.

    Raises:
        UserError: if the ledger of withdrawals cannot be read.
    """
    ledger = root / WITHDRAWN
    if not ledger.exists() or read_json(ledger) == NO_WITHDRAWALS:
        return None
    from complaints.lineage import withdrawals  # with pyarrow it takes a tenth of a second

    known = withdrawals.withdrawn(root)
    made = (out.md5 for step in reversed(chain.steps) for out in step.stage.outs)
    return next((reason for md5 in made if (reason := withdrawals.stale(known, md5))), None)


def _lines(found: Found, facts: Facts, root: Path, holds: str) -> Iterator[tuple[str, str | None]]:
    """Yield label and text of each line."""
    chain = facts.chain
    yield "source", _source(facts) if facts.manifest else None
    yield "rows", _rows(facts)
    yield "trained on", _trained_on(facts) if facts.rows else None
    yield "labels", _labels(facts) if "classes" in facts.labels else None
    yield "backbone", _backbone(facts) if len(chain.makers) == 1 else None
    yield "parameters", _parameters(chain, root)
    yield "computed", computed_text(facts.record)
    yield "record", facts.absent and f"{facts.absent} is neither in DVC's cache nor on a remote, nor its own record"
    yield "recorded in", recorded_line(chain, found.snapshot.commit is None, root)
    yield "runs", _runs(chain) if len(chain.makers) == 1 else None
    yield "stale", (stale(chain, root) or "").removeprefix("stale: ") or None
    yield "holds", holds


def wrapped(label: str, text: str) -> list[str]:
    """Return a label and its text as lines."""
    wrapper = textwrap.TextWrapper(
        WIDTH,
        initial_indent=f"  {label:<12}",
        subsequent_indent=" " * 14,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return wrapper.wrap(text)


def first_screen(found: Found, facts: Facts, root: Path, holds: str) -> str:
    """Return the first screen.

    Args:
        found: The traced output.
        facts: The facts about it.
        root: The folder of dvc.yaml.
        holds: The result of verification.
    """
    snapshot = found.snapshot
    revision = snapshot.name if snapshot.name != snapshot.commit else snapshot.name[:DIGITS]
    name = found.path if snapshot.commit is None else f"{revision}:{found.path}"
    md5 = f", md5 {found.md5.removesuffix('.dir')[:DIGITS]}" if found.md5 else ""
    lines = [f"{name}{md5}, made by {', '.join(facts.chain.makers)}"]
    lines += [found.note] if found.note else []
    for label, text in _lines(found, facts, root, holds):
        lines += wrapped(label, text) if text else []
    return "\n".join(lines)
