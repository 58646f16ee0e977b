"""Sentences on what was compared and what can be said, each computed from the tables."""

from complaints.deciding.row_names import FLOOR
from complaints.report.charts import WORDS
from complaints.report.tables import Line, Tables, interval, number

SUITED = {"better": "better than", "worse": "worse than", "cannot tell": "cannot be told from"}


def best_row(tables: Tables) -> str:
    """Return the row with the highest macro-F1 on validation, the first among equals."""
    return max(tables.of("scoreboard", split="validation"), key=lambda line: float(line["macro_f1"]))["model"]


def score_text(line: Line, metric: str) -> str:
    """Return a score with its interval."""
    found = interval(line, metric)
    return f"{found[0]:.3f} ({found[1]:.3f} to {found[2]:.3f})" if found else f"{float(line[metric]):.3f}"


def difference_text(line: Line) -> str:
    """Return a sentence on one difference: the verdict with its numbers, and what this test set can find."""
    difference, low, high, p, mde = (number(line, name) or 0.0 for name in ("difference", "low", "high", "p", "mde"))
    metric = WORDS[line["metric"]]
    sentence = (
        f"In {metric}, {line['model']} {'is ' if line['verdict'] != 'cannot tell' else ''}{SUITED[line['verdict']]} "
        f"{line['base']}: {difference:+.3f} ({low:+.3f} to {high:+.3f}), {p_text(p)}."
    )
    if line["verdict"] != "cannot tell":
        return sentence
    rows = line["needed_rows"]
    needed = f"; one of the size seen here would need about {int(rows):,} test rows" if rows else ""
    return f"{sentence} This test set finds a difference of {mde:.3f} four times in five{needed}."


def p_text(p: float) -> str:
    """Return a p-value as text."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def opening(tables: Tables) -> list[str]:
    """Return the first paragraphs: the systems, the best one, and its differences to the model to beat."""
    best, base = best_row(tables), tables.bases[0]
    systems = [name for name in tables.models if name != FLOOR]
    line = tables.one("scoreboard", model=best, split="test")
    assert line is not None
    paragraphs = [
        f"Compared on {int(line['rows']):,} test complaints: {', '.join(systems)}, and the majority class. A row "
        "“-adjusted” is the same model with its decision rule.",
        f"The best row on validation, which chose it, is {best}. On test its macro-F1 is "
        f"{score_text(line, 'macro_f1')} and its accuracy {score_text(line, 'accuracy')}.",
    ]
    for metric in ("macro_f1", "accuracy"):
        found = tables.one("differences", base=base, model=best, metric=metric)
        if found is not None:
            paragraphs.append(difference_text(found))
    if best == base:
        paragraphs.append(f"{base} is the model to beat; no other row was better on validation.")
    return paragraphs


def unfound_classes(tables: Tables) -> list[str]:
    """Return the classes with test rows whose F1 is 0 in every row of the scoreboard, the most frequent first."""
    found: dict[str, float] = {}
    for line in tables.of("per_class", split="test"):
        if int(line["support"]):
            found[line["label"]] = max(found.get(line["label"], 0.0), float(line["f1"]))
    return [label for label, highest in found.items() if highest == 0]
