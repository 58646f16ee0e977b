"""The whole of params.yaml; a stage loads its own section alone, with core/config.py."""

from dataclasses import dataclass
from typing import Any

from complaints.audit.params import AuditParams
from complaints.baseline.params import BaselineParams
from complaints.core.config import (
    PARAMS_FILE,
    build,
    read_yaml,
)
from complaints.core.errors import UserError
from complaints.evaluation.params import EvaluateParams
from complaints.finetuning.params import ModelParams, check_models
from complaints.labels.params import MergeLabelsParams
from complaints.sources.params import FetchParams
from complaints.splits.params import SplitParams
from complaints.tracking.params import TrackingParams


@dataclass(frozen=True)
class Params:
    """The whole of params.yaml."""

    fetch: FetchParams
    audit: AuditParams
    merge_labels: MergeLabelsParams
    split: SplitParams
    baseline: BaselineParams
    models: dict[str, ModelParams]
    evaluate: EvaluateParams
    tracking: TrackingParams
    launcher: str


def parse(value: Any) -> Params:
    """Check the whole of params.yaml, given as plain dicts and lists.

    Raises:
        UserError: naming the first key that is unknown, missing, of the wrong type or impossible.
    """
    params = build(Params, value, "")
    window = params.fetch.cfpb
    if window.date_from and window.date_to and window.date_from > window.date_to:
        raise UserError(f"params: fetch.cfpb.date_from is {window.date_from!r}, later than date_to, {window.date_to!r}")
    check_models(params.models)
    return params


def load() -> Params:
    """Return params.yaml in the working directory, checked as a whole.

    Raises:
        UserError: as `parse` does.
    """
    return parse(read_yaml(PARAMS_FILE))
