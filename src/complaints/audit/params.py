"""Parameters of the stage audit."""

from dataclasses import dataclass

from complaints.core.config import Count


@dataclass(frozen=True)
class AuditParams:
    """Limits of the audit, and the tokenizer whose tokens it counts."""

    short_words: Count
    listed_labels: Count
    tokenizer: str
    max_lengths: tuple[Count, ...]
    token_sample: Count
    rename_candidates: Count
