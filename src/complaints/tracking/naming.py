"""Names of runs: the experiment of DVC, or what changed since the previous finished run of the stage.

A name begins with the entry of `models:`, or with the stage if it has no entries:

| name | the run |
|---|---|
| `minilm` | is the first run of the stage |
| `minilm sappy-dean` | belongs to an experiment of `dvc exp run` |
| `minilm learning_rate=0.0002 epochs=3` | has other parameters than the previous run |
| `evaluate minilm.epochs=3 +large` | has another parameter of an entry, and a new entry |
| `minilm: data, code` | has the same parameters, but other data, code or command |
| `minilm: again` | has equal inputs and other outputs, for example from another GPU |

The tag `changed` lists every change.
"""

from collections.abc import Iterable, Mapping

SHOWN_CHANGES = 3
SHOWN_CHARACTERS = 24
"""Length of a parameter's value in a name."""
TAG_CHARACTERS = 4000
KINDS = {"data": "data_md5", "code": "code_md5", "command": "mlflow.source.name"}
"""Changes that are not parameters -> the tag that shows them."""


def entry_of(key: str) -> tuple[str, str]:
    """Return the entry of `models:` that a parameter belongs to, and its key there; the entry may be empty."""
    section, _, rest = key.partition(".")
    entry, _, inner = rest.partition(".")
    return (entry, inner) if section == "models" else ("", key)


def changed_params(now: Mapping[str, str], before: Mapping[str, str], own: str) -> list[str]:
    """Return the changes as `key=value`, `+entry` and `-entry`.

    A key is the shortest end of its dotted name that is unique among the entry's parameters. It begins with the
    entry, unless that is `own`. Parameters of which one side knows nothing come and go with the code.
    """
    entries, entries_before = ({entry for entry, _ in map(entry_of, keys)} - {""} for keys in (now, before))
    changes = []
    for key in sorted(now.keys() & before.keys()):
        if now[key] == before[key]:
            continue
        entry, inner = entry_of(key)
        label = _shortest_unique_end(inner, [other for owner, other in map(entry_of, now) if owner == entry])
        value = now[key] if len(now[key]) <= SHOWN_CHARACTERS else f"{now[key][:SHOWN_CHARACTERS]}…"
        changes.append(f"{label}={value}" if entry in ("", own) else f"{entry}.{label}={value}")
    changes += [f"+{entry}" for entry in sorted(entries - entries_before) if entries_before]
    return changes + [f"-{entry}" for entry in sorted(entries_before - entries) if entries]


def _shortest_unique_end(key: str, keys: Iterable[str]) -> str:
    parts = key.split(".")
    ends = (".".join(parts[-length:]) for length in range(1, len(parts)))
    others = [other for other in keys if other != key]
    return next((end for end in ends if not any(f".{other}".endswith(f".{end}") for other in others)), key)


def name_run(
    stage: str,
    now: tuple[Mapping[str, str], Mapping[str, str]],
    before: tuple[Mapping[str, str], Mapping[str, str]] | None,
) -> tuple[str, str | None]:
    """Return the name of a new run and its tag `changed`.

    Args:
        stage: The name of the stage in dvc.lock, such as `finetune@minilm`.
        now: Parameters and tags of the run.
        before: Those of the previous finished run of the stage, None for the first run.
    """
    _, _, entry = stage.partition("@")
    name = entry or stage
    changes: list[str] = []
    kinds: list[str] = []
    if before is not None:
        changes = changed_params(now[0], before[0], entry)
        kinds = [kind for kind, tag in KINDS.items() if now[1].get(tag) != before[1].get(tag, now[1].get(tag))]
    changed = ", ".join([*changes, *kinds])[:TAG_CHARACTERS] or None
    if experiment := now[1].get("dvc_experiment"):
        return f"{name} {experiment}", changed
    if changes:
        more = f" and {len(changes) - SHOWN_CHANGES} more" if len(changes) > SHOWN_CHANGES else ""
        return f"{name} {' '.join(changes[:SHOWN_CHANGES])}{more}", changed
    if kinds:
        return f"{name}: {', '.join(kinds)}", changed
    return (name if before is None else f"{name}: again"), changed
