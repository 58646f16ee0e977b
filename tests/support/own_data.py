"""Files of other tasks, and init on a file."""

from pathlib import Path

from complaints.own_data.form import FormOptions
from complaints.own_data.init import Options, init
from support import other_tasks

MAKERS = {
    "news.tsv": other_tasks.headlines,
    "tickets.jsonl": other_tasks.tickets,
    "messages.parquet": other_tasks.messages,
}

LABELS = {
    "news.tsv": sorted(other_tasks.TOPICS),
    "tickets.jsonl": ["1", "2", "3"],
    "messages.parquet": ["false", "true"],
}


def look(
    path: Path,
    columns: dict[str, str] | None = None,
    dry_run: bool = False,
    form: FormOptions | None = None,
    without: frozenset[str] = frozenset(),
) -> list[str]:
    """Run init with the columns that the user names, by role."""
    return init(Options(path, form or FormOptions(), columns or {}, without), dry_run)
