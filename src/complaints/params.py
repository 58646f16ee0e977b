"""All parameters of params.yaml; a stage loads its own section only, with core/config.py."""

from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from complaints.audit.params import AuditParams
from complaints.baseline.params import BaselineParams, NgramParams
from complaints.compression.params import CompressedEntry
from complaints.core import config, paths
from complaints.core.config import PARAMS_FILE
from complaints.core.errors import UserError
from complaints.core.schema import SPLITS
from complaints.core.section import Section, Text, rule
from complaints.deciding.params import DecideParams
from complaints.deciding.row_names import ENSEMBLE, FLOOR, REFERENCE, adjusted, is_adjusted
from complaints.evaluation.params import EvaluateParams
from complaints.features.params import FeatureParams
from complaints.finetuning.params import CrossFitParams
from complaints.labels.params import MergeLabelsParams
from complaints.neighbours.params import KnnParams
from complaints.pretraining.params import PretrainParams
from complaints.recommending.params import CostsParams, RecommendParams
from complaints.scoring.rungs import COMPRESSED, FORMATS, KNN, parent_of
from complaints.scoring.zero_shot import FOLDER as ZERO_SHOT
from complaints.sources.params import FetchParams
from complaints.splits.params import SplitParams
from complaints.tracking.params import TrackingParams
from complaints.unlabeled.params import UnlabeledParams
from complaints.zero_shot.params import ZeroShotParams

SCHEMA_FILE = "params.schema.json"

RESERVED_NAMES = frozenset(
    {
        FLOOR,
        REFERENCE,
        ENSEMBLE,
        "data",
        "pretrained",
        "rules",
        "out_of_fold",
        KNN,
        COMPRESSED,
        ZERO_SHOT,
        "null",
        "true",
        "false",
    }
)
"""Names of other rows of the scoreboard, of folders in models/, predictions/ and reports/cards/, and words that are no
text in YAML."""

_OPTIMIZER = "learning_rate head_learning_rate layer_decay weight_decay warmup_fraction schedule max_grad_norm"
_LOSS = "focal_gamma label_smoothing class_weights effective_beta"
_FINETUNE = "train freeze_layers lora epochs patience batch_size batch_tokens accumulation sampling packing compile"
MOVED = {
    "pooling": "head.pooling",
    "head_start": "head.start",
    "probe_c": "head.probe_c",
    **{key: f"finetune.{key}" for key in [*_FINETUNE.split(), "checkpoint_steps"]},
    **{key: f"finetune.optimizer.{key}" for key in _OPTIMIZER.split()},
    "loss": "finetune.loss.name",
    "loss_tau": "finetune.loss.tau",
    **{key: f"finetune.loss.{key}" for key in _LOSS.split()},
}
"""Former flat keys of a model's entry -> the present grouped keys; the former `head` is head.kind."""


class ModelEntry(CrossFitParams, PretrainParams, FeatureParams, CompressedEntry):
    """One entry of `models:` with all of its keys."""


def name_problem(name: str) -> str | None:
    """Return what the name of a model must be, as the end of a sentence; None if it is allowed."""
    if not config.ENTRY_NAME.fullmatch(name):
        return config.ENTRY_NAME_RULE
    if name.lower() in RESERVED_NAMES:
        return f"not be {' or '.join(sorted(RESERVED_NAMES))}"
    if is_adjusted(name):
        return f"not end in {adjusted('')}"
    if parent_of(name):
        return f"not end in {' or '.join(f'-{name}' for name in FORMATS)}"
    return None


def _check_name(name: str) -> str:
    if problem := name_problem(name):
        raise PydanticCustomError("name", "Input should {problem}", {"problem": problem})
    return name


class Params(Section):
    """All parameters of params.yaml."""

    fetch: FetchParams
    audit: AuditParams
    merge_labels: MergeLabelsParams
    split: SplitParams
    unlabeled: UnlabeledParams
    baseline: BaselineParams
    models: Annotated[dict[Annotated[str, AfterValidator(_check_name)], ModelEntry], Field(min_length=1)]
    knn: KnnParams
    zero_shot: ZeroShotParams
    decide: DecideParams
    evaluate: EvaluateParams
    costs: CostsParams
    recommend: RecommendParams
    tracking: TrackingParams
    launcher: Text

    @model_validator(mode="after")
    def _ensemble_is_of_models(self) -> Self:
        known = [REFERENCE, *([KNN] if self.knn.features else []), *self.models]
        for index, part in enumerate(self.decide.ensemble or ()):
            if part not in known:
                raise rule(("decide", "ensemble", index), f"is {part!r}; it must be one of {', '.join(known)}")
        return self

    @model_validator(mode="after")
    def _initial_weights_come_from_other_entries(self) -> Self:
        sources = {(paths.MODELS / name).as_posix(): name for name in self.models}
        known = sources.keys() | {(paths.PRETRAINED / name).as_posix() for name in self.models}
        for name, entry in self.models.items():
            key = f"models.{name}.weights"
            if entry.weights not in known:
                folders = f"{paths.PRETRAINED}/<entry> or {paths.MODELS}/<entry> of an entry in {PARAMS_FILE}"
                raise rule(key, f"is {entry.weights!r}; it must be {folders}")
            chain = {name}
            while (source := sources.get(entry.weights)) is not None:
                if source in chain:
                    raise rule(key, f"leads back to the entry itself; take {paths.PRETRAINED}/{name}")
                chain.add(source)
                entry = self.models[source]
        return self

    @model_validator(mode="after")
    def _teachers_have_logits_out_of_fold(self) -> Self:
        folds = {REFERENCE: self.baseline.folds, **{name: entry.cross_fit.folds for name, entry in self.models.items()}}
        for name, entry in self.models.items():
            for index, teacher in enumerate(entry.teacher.models):
                key = ("models", name, "teacher", "models", index)
                if teacher not in folds:
                    raise rule(key, f"is {teacher!r}; it must be one of {', '.join(folds)}")
                if folds[teacher] < 2:
                    switch = "baseline.folds" if teacher == REFERENCE else f"models.{teacher}.cross_fit.folds"
                    raise rule(key, f"is {teacher!r}, which needs {switch} of 2 or more for logits out of fold")
            if entry.teacher.unlabeled and Path(self.unlabeled.path) == paths.NO_UNLABELED:
                raise rule(
                    ("models", name, "teacher", "unlabeled"),
                    f"is true, but unlabeled.path is {self.unlabeled.path}, which has no texts; name a file there, or "
                    "set it to false",
                )
            if entry.cross_fit.folds and entry.weights != (own := (paths.PRETRAINED / name).as_posix()):
                raise rule(
                    f"models.{name}.weights",
                    f"is {entry.weights!r}, which cross_fit.folds excludes; set it to {own}, or cross_fit.folds to 0",
                )
        return self

    @model_validator(mode="after")
    def _neighbours_have_features(self) -> Self:
        name = self.knn.features
        if name is None:
            return self
        if name not in self.models:
            raise rule("knn.features", f"is {name!r}; it must be one of {', '.join(self.models)}, or null for no kNN")
        entry = self.models[name]
        if entry.feature_splits != SPLITS:
            raise rule(
                "knn.features", f"is {name!r}, which has no features of all splits; set models.{name}.features to true"
            )
        if not Path(entry.weights).is_relative_to(paths.PRETRAINED):
            raise rule(
                "knn.features",
                f"is {name!r}, whose initial weights {entry.weights} were trained on the labels of the rows that are "
                f"to be predicted out of fold; name an entry with weights in {paths.PRETRAINED}",
            )
        return self


def parse(tree: Any, path: str | Path = PARAMS_FILE) -> Params:
    """Return all of params.yaml, checked, from plain dicts and lists.

    Args:
        tree: The content of the file.
        path: The file that errors name and look up lines in.

    Raises:
        UserError: as `core.config.check` does, or if a key of a model's entry or of the baseline is not in its group.
    """
    models = tree.get("models") if isinstance(tree, dict) else None
    for name, entry in (models if isinstance(models, dict) else {}).items():
        if not isinstance(entry, dict):
            continue
        moves = {"head": "head.kind"} if isinstance(entry.get("head"), str) else {}
        moves |= {key: new for key, new in MOVED.items() if key in entry}
        if moves:
            raise UserError(
                f"{path}: the keys of models.{name} are grouped now; move "
                + ", ".join(f"{old} to {new}" for old, new in moves.items())
            )
    evaluate = tree.get("evaluate") if isinstance(tree, dict) else None
    if isinstance(evaluate, dict) and "adjustment_grid" in evaluate:
        raise UserError(f"{path}: move evaluate.adjustment_grid to decide.tau_grid, with the other keys of decide")
    baseline = tree.get("baseline") if isinstance(tree, dict) else None
    if isinstance(baseline, dict) and (flat := [key for key in NgramParams.model_fields if key in baseline]):
        moved = ", ".join(f"{key} to words.{key}" for key in flat)
        raise UserError(f"{path}: baseline has keys for words and for characters now; move {moved}")
    return config.check(Params, tree, path)


def load() -> Params:
    """Return all of params.yaml in the working directory, checked.

    Raises:
        UserError: as `parse` does.
    """
    return parse(config.read_yaml(PARAMS_FILE))


def check_paths(params: Params) -> None:
    """Check the files that params.yaml names: DVC stops at a missing one without naming its key.

    Raises:
        UserError: for the first that is missing or of the wrong kind, naming its line.
    """
    banks = params.fetch.source == "sample"
    named = {
        ("fetch", "path"): (params.fetch.path, banks, "the folder of the phrase banks" if banks else "a file"),
        ("merge_labels", "corrections"): (params.merge_labels.corrections, False, "a file"),
        ("merge_labels", "map"): (params.merge_labels.map, False, "a file"),
        ("unlabeled", "path"): (params.unlabeled.path, False, "a file"),
    }
    for key, (path, is_folder, kind) in named.items():
        if Path(path).exists() and Path(path).is_dir() == is_folder:
            continue
        problem = f"which is not {kind}" if Path(path).exists() else "which does not exist"
        line = config.line_of(PARAMS_FILE, key)
        raise UserError(f"{PARAMS_FILE}, line {line}: {'.'.join(key)} is {str(path)!r}, {problem}")
