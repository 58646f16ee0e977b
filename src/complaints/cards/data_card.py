"""Data card of the split as README.md, beside its Croissant description.

Headings follow Gebru et al. 2021, “Datasheets for datasets”.
"""

from complaints.cards.audit_warnings import names, warnings
from complaints.cards.evidence import Evidence
from complaints.cards.markdown import escaped, facts, paragraphs, table
from complaints.cards.source import source_of
from complaints.subsets.row_ids import row_ids_sha256

SYNTHETIC = (
    "> **SYNTHETIC DATA: a program made up these complaints. Scores on them say nothing about real complaints.**"
)
USES = (
    "Training and evaluation of classifiers that sort texts like these. Not meant for finding out who wrote a text, "
    "for "
    "decisions about a person, or for estimates of how frequent a problem is: complaints are no sample of customers."
)


def _files(evidence: Evidence) -> str:
    rows = []
    for name, split in evidence.splits.items():
        report = evidence.split_report[name]
        rows.append(
            [
                f"`{split.path.as_posix()}`",
                f"{report['rows']:,}",
                f"{report['clusters']:,}",
                f"{report['classes']:,}",
                f"`{split.sha256}`",
                f"`{row_ids_sha256(split.row_ids)}`",
            ]
        )
    header = ("file", "rows", "clusters of near duplicates", "classes", "sha256", "sha256 of its sorted row ids")
    return table(header, rows)


def _source(evidence: Evidence) -> str:
    manifest, source = evidence.manifest, source_of(evidence.manifest)
    left_out = ", ".join(f"{rows:,} {escaped(reason)}" for reason, rows in manifest["left_out"].items() if rows)
    shown = [
        ("source", f"`{manifest['source']}`: {source.sentence}"),
        ("rows read, kept", f"{manifest['rows_read']:,}, {manifest['rows_kept']:,}"),
        ("left out", left_out or None),
        ("masked personal data", str(manifest["masked"]) if "masked" in manifest else None),
        ("complaints.parquet", f"sha256 `{manifest['complaints_sha256']}`"),
        *((f"file {escaped(file['name'])}", f"sha256 `{file['sha256']}`") for file in manifest["files"]),
    ]
    return facts(shown)


def _labels(evidence: Evidence) -> str:
    report = evidence.labels_report
    dropped = report["classes_dropped"]
    parts = [
        f"{report['raw_labels']:,} raw labels became {len(evidence.labels):,} classes; {report['rows_corrected']:,} "
        "labels "
        f"of single complaints were corrected, and {sum(report['rows_dropped'].values()):,} rows were left out, "
        "whose class is too small "
        "or that have no label or no text.",
        f"Classes: {names(list(evidence.labels))}." if evidence.labels else None,
        f"Classes that were dropped: {len(dropped):,}." if dropped else None,
    ]
    return paragraphs(parts)


def data_card(evidence: Evidence) -> str:
    """Return the data card as the text of README.md; it has no text of a complaint."""
    source = source_of(evidence.manifest)
    dates = evidence.audit["dates"]
    return (
        paragraphs(
            [
                "# Complaints: train, validation and test",
                SYNTHETIC if evidence.synthetic else None,
                "## Source",
                _source(evidence),
                f"First and last day: {dates['first']} to {dates['last']}." if dates["first"] else None,
                "## Licence and citation",
                f"Licence of the source: {source.licence}. Citation: {source.citation}",
                "## Personal data",
                source.personal_data,
                "## Uses",
                USES,
                "## Labels",
                _labels(evidence),
                "## Split",
                f"Method: {evidence.split_report['method']}. Test rows chose neither an epoch nor a decision rule.",
                _files(evidence),
                "## Warnings of the audit",
                "\n".join(f"- {warning}" for warning in warnings(evidence.audit, evidence.split_report)),
                "croissant.json describes the files for programs, in Croissant 1.0.",
            ]
        )
        + "\n"
    )
