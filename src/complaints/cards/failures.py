"""Known failures of a model: scores by tier, classes that it never finds, and its strongest confusions."""

from complaints.cards.audit_warnings import names
from complaints.cards.markdown import escaped, paragraphs, score, table
from complaints.report.tables import Line, Tables, number

CONFUSIONS = 10
"""Most confusions of a card."""
TIERS = {"head": "the 20 most frequent", "mid": "the next 40", "tail": "all others"}
"""Tier -> its classes, by their rows in train."""


def tier_table(tables: Tables, rows: list[str]) -> str:
    """Return macro-F1 and the number of classes that are never found by tier, for rows of the scoreboard."""
    cells = []
    for name, meaning in TIERS.items():
        classes = tables.of("per_class", split="test", model=rows[0], tier=name)
        if not classes:
            continue
        lines = [tables.one("scoreboard", model=row, split="test") for row in rows]
        found = [_of_tier(line, name) for line in lines if line is not None]
        tested = sum(int(line["support"]) > 0 for line in classes)
        cells.append([f"{name} ({meaning})", f"{len(classes)}", f"{tested}", *found])
    return table(("tier", "classes", "with test rows", *(f"macro-F1, {row}" for row in rows)), cells)


def _of_tier(line: Line, tier: str) -> str:
    missed = number(line, f"zero_f1_{tier}")
    shown = score(line, f"macro_f1_{tier}") or "none"
    return shown if missed is None else f"{shown}; {missed:.0f} at 0"


def unfound(tables: Tables, row: str) -> list[str]:
    """Return the classes with test rows of which a row of the scoreboard finds none (F1 = 0), most frequent first."""
    lines = tables.of("per_class", split="test", model=row)
    return [line["label"] for line in lines if int(line["support"]) and float(line["f1"]) == 0]


def _confusions(tables: Tables, row: str) -> str:
    lines = tables.of("confusions", split="test", model=row)[:CONFUSIONS]
    cells = (
        [escaped(line["true"]), escaped(line["predicted"]), line["count"], f"{float(line['share']):.0%}"]
        for line in lines
    )
    return table(("true class", "predicted", "test rows", "of the class"), cells, texts=2) if lines else ""


def failures(tables: Tables, rows: list[str]) -> str:
    """Return the section's content for the rows of the scoreboard that a card is about."""
    parts = []
    for row in rows:
        missed = unfound(tables, row)
        listed = f": {names(missed)}" if missed else ""
        parts.append(f"**Classes with test rows of which `{row}` finds none (F1 = 0): {len(missed)}**{listed}.")
    confused = _confusions(tables, rows[0])
    if confused:
        parts += [f"Its most frequent confusions on test (`{rows[0]}`):", confused]
    return paragraphs(parts)
