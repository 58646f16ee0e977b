"""Model card as README.md: metadata for the hub, then a page for people.

Headings follow Mitchell et al. 2019, “Model cards for model reporting”, and the hub's template.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard, ModelCardData

from complaints.cards.audit_warnings import warnings
from complaints.cards.effort import effort
from complaints.cards.evidence import Evidence
from complaints.cards.failures import failures, tier_table
from complaints.cards.markdown import escaped, facts, paragraphs, table
from complaints.cards.scores import eval_results, rows_of, rule_section, score_table
from complaints.cards.source import source_of
from complaints.cards.subject import RULE_FILE, Part, Subject, trained_rows
from complaints.scoring.rungs import parent_of
from complaints.subsets.row_ids import row_ids_sha256

SYNTHETIC = (
    "> **SYNTHETIC DATA: a program made up these complaints. The scores say nothing about real complaints, and the "
    "model "
    "is of no use for them.**"
)
INTENDED_USE = (
    "To propose a class for a new text of the kind that it was trained on, to a person who can correct it: sorting and "
    "routing of incoming complaints, search, counts over many texts. With its decision rule it says how sure it is, so "
    "that unsure texts go to a person."
)
OUT_OF_SCOPE = (
    "- Decisions about a person, such as credit, compensation, fraud or the merit of a complaint. The class says "
    "what a "
    "text is about, not whether it is true.\n"
    "- Texts of other kinds, languages, products or times than those of its training data; classes that are not in "
    "its list.\n"
    "- Rare classes without review: the tiers and the classes that it never finds are below.\n"
    "- Counts of small groups: errors are not equally frequent in all classes, so counts of predicted labels are "
    "biased."
)
ENERGY = (
    "Time and energy are measured on one machine and differ from run to run, so that they are in no output of the "
    "pipeline. `complaints card MODEL --output FOLDER` adds the time of the training to a copy where this machine "
    "knows it."
)


def _metadata(subject: Subject, evidence: Evidence) -> ModelCardData:
    """Return the metadata; the licence is for the publisher to add, since backbone and data decide it."""
    stock = not subject.is_ensemble and subject.parts[0].record.get("params", {}).get("head", {}).get("kind") == "stock"
    source = source_of(evidence.manifest)
    backbones = sorted({backbone for part in subject.parts if (backbone := _hub_backbone(part))})
    return ModelCardData(
        language=source.language,
        library_name="transformers" if stock else "complaints",
        pipeline_tag="text-classification",
        tags=["text-classification", "complaints", *(["synthetic-data"] if evidence.synthetic else [])],
        base_model=backbones or None,
        datasets=[evidence.manifest["dataset"]] if "dataset" in evidence.manifest else None,
        metrics=["accuracy", "f1"],
        model_name=subject.name,
        eval_results=eval_results(subject, evidence),
    )


def _hub_backbone(part: Part) -> str | None:
    """Return the hub's name of a backbone, None for one from elsewhere."""
    record = part.record["encoder"] if part.is_knn else part.record
    kind, _, name = str(record.get("backbone", "")).partition(":")
    return name.partition("@")[0] if kind == "hub" else None


def _about(part: Part, evidence: Evidence) -> str:
    rows = len(trained_rows(part, evidence))
    if part.is_tfidf:
        return f"TF-IDF of words and characters with logistic regression, fitted to {rows:,} complaints"
    if part.is_knn:
        vote = part.record["vote"]
        backbone = part.record["encoder"]["backbone"]
        return f"the vote of the {vote['neighbours']} nearest of {rows:,} complaints, by features of `{backbone}`"
    recipe = part.record["params"]["finetune"]
    compressed = parent_of(part.name)
    form = f", as an ONNX file in the format {compressed[1]}" if compressed else ""
    return f"`{part.record['backbone']}`, fine-tuned (train: {recipe['train']}) on {rows:,} complaints{form}"


def _opening(subject: Subject, evidence: Evidence) -> str:
    count = len(evidence.labels)
    if not subject.is_ensemble:
        return f"A classifier of texts into {count:,} classes: {_about(subject.parts[0], evidence)}."
    parts = "\n".join(f"- `{part.name}`: {_about(part, evidence)}" for part in subject.parts)
    return f"A classifier of texts into {count:,} classes, which combines {len(subject.parts)} models:\n\n{parts}"


def _data(subject: Subject, evidence: Evidence) -> str:
    source = source_of(evidence.manifest)
    rows = [
        [name, f"{len(split.row_ids):,}", f"`{split.sha256}`", f"`{row_ids_sha256(split.row_ids)}`"]
        for name, split in evidence.splits.items()
    ]
    used = [(part, trained_rows(part, evidence)) for part in subject.parts]
    parts = [
        f"{source.sentence} {evidence.manifest['rows_kept']:,} of {evidence.manifest['rows_read']:,} rows were kept; "
        f"sha256 of the complaints: `{evidence.manifest['complaints_sha256']}`.",
        table(("split", "rows", "sha256 of the file", "sha256 of its sorted row ids"), rows),
        *(
            f"{part.name} was trained on {len(ids):,} of the rows of train, sha256 of their sorted ids: "
            f"`{row_ids_sha256(ids)}`."
            for part, ids in used
            if len(ids) != len(evidence.splits["train"].row_ids)
        ),
        "The data card and its Croissant description are in reports/cards/data of the project.",
    ]
    return paragraphs(parts)


def _training(part: Part, tokens: Path) -> str:
    record = part.record
    if part.is_tfidf:
        shown = [("settings", f"`{record['params']}`"), ("versions", _versions(record))]
        return paragraphs([facts(shown), "The number of operations is not estimated: the solver stops by a tolerance."])
    if part.is_knn:
        return _neighbours(record)
    done = effort(part, tokens / part.entry)
    known: list[tuple[str, object]] = [
        ("backbone", f"`{record['backbone']}`, sha256 `{record['backbone_sha256']}`"),
        ("initial weights", f"`{record['params']['weights']}`, sha256 `{record['weights_sha256']}`"),
        ("tokenizer", f"sha256 `{record['tokenizer_sha256']}`"),
        ("longest input", f"{record['params']['max_length']} tokens"),
        ("epochs, best", f"{done.epochs}, {record['best_epoch']} (by macro-F1 on validation)"),
        ("steps", f"{done.steps:,}"),
        ("texts without labels", _unlabeled(record)),
        ("rows, tokens seen", f"{done.rows:,} rows in an epoch, {done.tokens:,} tokens in all"),
        ("parameters, trained", f"{done.parameters:,}, {done.trained:,}"),
        ("operations, estimated", f"{done.operations:.2e} floating-point operations"),
        ("computed with", _computed(record)),
        ("versions", _versions(record)),
    ]  # fmt: skip
    return paragraphs([facts(known), f"Estimate: {done.formula}"])


def _unlabeled(record: Any) -> str | None:
    """Return the texts from which the model learnt its teacher's probabilities alone, None for none."""
    found = record.get("unlabeled")
    return found and f"{found['rows']:,} in each epoch, sha256 of their sorted ids `{found['row_ids_sha256']}`"


def _neighbours(record: Any) -> str:
    """Return the facts of the nearest-neighbour model."""
    encoder, vote = record["encoder"], record["vote"]
    shown = [
        ("encoder", f"`{encoder['backbone']}`, sha256 `{encoder['backbone_sha256']}`"),
        ("its weights", f"`{encoder['weights']}`, sha256 `{encoder['weights_sha256']}`, not trained on the labels"),
        ("features", f"{encoder['pooling']} of at most {encoder['max_length']} tokens"),
        ("vote", f"{vote['neighbours']} nearest texts, temperature {vote['temperature']}"),
        ("share of the class prior", str(vote["smoothing"])),
        ("chosen by", f"likelihood out of fold, {record['params']['folds']} folds by cluster of near duplicates"),
        ("versions", _versions(record)),
    ]
    note = "The model holds an embedding, the row id and the class of each training complaint, and no text."
    return paragraphs([facts(shown), note])


def _computed(record: Any) -> str:
    keys = ("device", "instructions", "numerics", "precision", "threads", "processes")
    return ", ".join(f"{key} {escaped(str(record[key]))}" for key in keys if record.get(key) is not None)


def _versions(record: Any) -> str:
    return ", ".join(f"{package} {version}" for package, version in record["versions"].items())


def _trainings(subject: Subject, tokens: Path) -> str:
    if not subject.is_ensemble:
        return _training(subject.parts[0], tokens)
    return paragraphs(text for part in subject.parts for text in (f"### {part.name}", _training(part, tokens)))


def _use(subject: Subject) -> str:
    row = subject.name if subject.is_ensemble else f"{subject.name}-adjusted"
    parts = [
        f"In the project, with the decision rule: `complaints predict --model {row} --input new.csv --output "
        "new_labels.csv`."
    ]
    if not subject.is_ensemble:
        parts.append("A copy of the folder: `complaints predict --model FOLDER`, whose labels have the highest logit.")
        if subject.parts[0].is_tuned:
            page, needed = (
                ("compression", "onnxruntime and tokenizers")
                if parent_of(subject.name)
                else ("checkpoint", "transformers")
            )
            parts.append(f"docs/{page}.md of the project has code that needs {needed} alone.")
    return " ".join(parts)


def _lineage(subject: Subject) -> str:
    rows = [[part.name, f"`{part.output.as_posix()}`", f"`{part.md5}`"] for part in subject.parts]
    return paragraphs(
        [
            table(("model", "folder", "md5 in dvc.lock"), rows, texts=3),
            "lineage.json, an in-toto statement with SLSA provenance, has the sha256 of every file of the model "
            "and of "
            f"{RULE_FILE}, of the data, of the backbone and its weights, and the parameters. Hashes of the code and "
            "the "
            "commit are in dvc.lock and git: `complaints trace X` prints them, where X is the folder or its md5.",
        ]
    )


def model_card(subject: Subject, evidence: Evidence, stale: Sequence[str]) -> str:
    """Return the card of a model as the text of README.md.

    Args:
        subject: The model.
        evidence: The sources of the cards.
        stale: Reasons why the model must be made again.
    """
    tables = evidence.tables
    rows = rows_of(subject, tables)
    found = warnings(evidence.audit, evidence.split_report)
    text = paragraphs(
        [
            f"# {subject.name}",
            SYNTHETIC if evidence.synthetic else None,
            *(f"> **STALE: {reason}. Train it again before it is used.**" for reason in stale),
            _opening(subject, evidence),
            "## Intended use",
            INTENDED_USE,
            "## Out-of-scope use",
            OUT_OF_SCOPE,
            "## Training data",
            _data(subject, evidence),
            "### Warnings of the audit",
            "\n".join(f"- {warning}" for warning in found),
            "## Training",
            _trainings(subject, evidence.sources.tokens),
            "## Scores",
            "In brackets: 95 % intervals, by a bootstrap over clusters of near duplicates. Epochs and decision "
            "rules were "
            "not chosen on these rows. A row “-adjusted” has the labels of the decision rule.",
            score_table(tables, rows),
            "### By the frequency of classes in training",
            tier_table(tables, rows),
            "## Known failures",
            failures(tables, rows),
            "## Decision rule",
            rule_section(subject, tables),
            "## How to use it",
            _use(subject),
            "## Licence",
            "None is stated here: the licences of the backbone and of the data decide it. Whoever publishes the "
            "model adds it.",
            "## Lineage",
            _lineage(subject),
            "## Energy and time",
            ENERGY,
        ]
    )
    header = _metadata(subject, evidence).to_yaml()
    return str(ModelCard(f"---\n{header}\n---\n\n{text}\n"))
