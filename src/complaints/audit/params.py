"""Parameters of the stage audit."""

from complaints.core.section import Count, Listed, Section, Text


class AuditParams(Section):
    """The audit's thresholds and the sizes of its lists."""

    short_words: Count
    listed_labels: Count
    tokenizer: Text
    max_lengths: Listed[Count]
    token_sample: Count
    rename_candidates: Count
