"""Description of the split in Croissant 1.0, MLCommons' format for data sets (docs.mlcommons.org/croissant)."""

from collections.abc import Mapping, Sequence
from typing import Any

from complaints.cards.evidence import Evidence
from complaints.cards.source import source_of

VERSION = "http://mlcommons.org/croissant/1.0"
RAI_VERSION = "http://mlcommons.org/croissant/RAI/1.0"
CONTEXT: Mapping[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    **{
        key: f"cr:{key}"
        for key in (
            *("citeAs", "column", "equivalentProperty", "extract", "field", "fileObject", "fileProperty", "fileSet"),
            *(
                "format",
                "includes",
                "isLiveDataset",
                "jsonPath",
                "key",
                "md5",
                "parentField",
                "path",
                "recordSet",
                "references",
            ),
            *("regex", "repeated", "replace", "samplingRate", "separator", "source", "subField", "transform"),
        )
    },
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
}
"""The context of the specification, section “Terminology and namespaces”."""
COLUMNS = {
    "row_id": ("sc:Text", "Id of the complaint, which no stage changes."),
    "text": ("sc:Text", "The complaint in the consumer's words."),
    "label_id": ("sc:Integer", "Class that the consumer chose, after the label map."),
    "group": ("sc:Text", "Cluster of near duplicates."),
    "seen": ("sc:Boolean", "Whether train has a near duplicate of a held-out row."),
    "date": ("sc:Date", "Day of the complaint; may be missing."),
    "product": ("sc:Text", "Product that the consumer chose; may be missing."),
}
"""Column of the split files -> data type and description."""
SPLIT_TYPES = {
    "train": "cr:TrainingSplit",
    "validation": "cr:ValidationSplit",
    "test": "cr:TestSplit",
}


def _file(split: str, evidence: Evidence, folder: str) -> dict[str, Any]:
    file = evidence.splits[split]
    return {
        "@type": "cr:FileObject",
        "@id": f"{split}.parquet",
        "name": f"{split}.parquet",
        "description": f"{len(file.row_ids):,} rows of {split}.",
        "contentUrl": f"{folder}/{file.path.as_posix()}",
        "encodingFormat": "application/x-parquet",
        "sha256": file.sha256,
    }


def _field(split: str, column: str) -> dict[str, Any]:
    kind, description = COLUMNS[column]
    field: dict[str, Any] = {
        "@type": "cr:Field",
        "@id": f"{split}/{column}",
        "name": column,
        "description": description,
        "dataType": kind,
        "source": {"fileObject": {"@id": f"{split}.parquet"}, "extract": {"column": column}},
    }
    if column == "label_id":
        field["references"] = {"field": {"@id": "classes/label_id"}}
    return field


def _rows(split: str) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": split,
        "name": split,
        "description": f"Complaints of {split}.",
        "key": {"@id": f"{split}/row_id"},
        "field": [_field(split, column) for column in COLUMNS],
    }


def _plain_field(record_set: str, name: str, kind: str) -> dict[str, Any]:
    return {"@type": "cr:Field", "@id": f"{record_set}/{name}", "name": name, "dataType": kind}


def _classes(labels: Sequence[str]) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": "classes",
        "name": "classes",
        "description": "Names of the classes.",
        "dataType": "sc:Enumeration",
        "key": {"@id": "classes/label_id"},
        "field": [_plain_field("classes", "label_id", "sc:Integer"), _plain_field("classes", "name", "sc:Text")],
        "data": [{"classes/label_id": number, "classes/name": label} for number, label in enumerate(labels)],
    }


def _splits() -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": "splits",
        "name": "splits",
        "description": "Splits of the data: each is a record set of its own name.",
        "dataType": "cr:Split",
        "key": {"@id": "splits/name"},
        "field": [_plain_field("splits", "name", "sc:Text"), _plain_field("splits", "url", "sc:URL")],
        "data": [
            {"splits/name": split, "splits/url": kind.replace("cr:", str(CONTEXT["cr"]))}
            for split, kind in SPLIT_TYPES.items()
        ],
    }


def croissant(evidence: Evidence, folder: str) -> dict[str, Any]:
    """Return the description as JSON-LD.

    Args:
        evidence: The sources of the cards.
        folder: The root of the project, seen from the folder of the description.
    """
    source = source_of(evidence.manifest)
    return {
        "@context": dict(CONTEXT),
        "@type": "sc:Dataset",
        "conformsTo": [VERSION, RAI_VERSION],
        "name": "complaints",
        "description": f"{source.sentence} Texts with one class each, divided into train, validation and test.",
        "license": source.licence,
        "citeAs": source.citation,
        **({"url": source.address} if source.address else {}),
        **({"inLanguage": source.language} if source.language else {}),
        "isLiveDataset": False,
        "rai:personalSensitiveInformation": source.personal_data,
        "rai:dataLimitations": (
            "SYNTHETIC DATA: scores on them say nothing about real complaints."
            if evidence.synthetic
            else "Labels are those that consumers chose, and are not verified; classes are very unequal in size."
        ),
        "distribution": [_file(split, evidence, folder) for split in SPLIT_TYPES],
        "recordSet": [_splits(), _classes(evidence.labels), *(_rows(split) for split in SPLIT_TYPES)],
    }
