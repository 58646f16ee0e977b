"""Study: what a sweep tries, from a YAML file and the options of the command."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from complaints import params
from complaints.core.config import ENTRY_NAME, ENTRY_NAME_RULE, check, read_yaml
from complaints.core.errors import UserError
from complaints.core.section import Count, Listed, Section, Seed, Text, rule
from complaints.deciding.row_names import REFERENCE
from complaints.sweeping.space import Space, check_space, parse_dimension

OPTIONS = "the study"
"""Name of a study of options alone in errors."""


class Study(Section):
    """Everything that decides which points are tried and how they are ranked."""

    model: Text
    """Entry of `models:` whose validation scores are compared, or `tfidf`."""
    method: Literal["grid", "tpe"]
    objective: Literal["accuracy", "macro_f1", "macro_f1_10", "weighted_f1", "balanced_accuracy"]
    """Metric of `uncertainty.count_metrics`, higher is better."""
    seeds: Listed[Seed]
    """Seeds of the model; each point has one experiment per seed, and its score is their mean."""
    space: Annotated[dict[str, Any], Field(min_length=1)]
    """Dotted key of params.yaml -> its values, as `parse_dimension` reads them."""
    trials: Count | None
    """Number of points of `tpe`; null for a grid, which has as many as it has."""
    sampler_seed: Seed
    """Seed of Optuna's sampler."""

    @model_validator(mode="after")
    def _trials_go_with_tpe(self) -> Self:
        if self.method == "tpe" and self.trials is None:
            raise rule("trials", "is missing; a study with method tpe needs a number of points, e.g. --trials 20")
        if self.method == "grid" and self.trials is not None:
            raise rule("trials", f"is {self.trials}, but a grid tries all of its points; leave it out, or --method tpe")
        return self

    @property
    def seed_key(self) -> str:
        """Return the key of params.yaml with the model's seed."""
        return "baseline.seed" if self.model == REFERENCE else f"models.{self.model}.seed"

    @property
    def dimensions(self) -> Space:
        """Return the values of each key, in alphabetical order of the keys."""
        return {key: parse_dimension(key, self.space[key]) for key in sorted(self.space)}

    @property
    def identity(self) -> dict[str, Any]:
        """Return what cannot change when a study goes on; the number of trials may."""
        return self.model_dump(mode="json", exclude={"trials"})


def read_study(file: Path | None, options: Mapping[str, Any], base: params.Params) -> Study:
    """Return the study of a YAML file, of options, or of both; options win, and add keys to the space.

    Args:
        file: Mapping of the fields of `Study`; all but `space` have defaults.
        options: Fields that the command line gives.
        base: params.yaml, against which the space is checked.

    Raises:
        UserError: if the study is not valid, or a point of it would not be a valid params.yaml.
    """
    written = {} if file is None else read_yaml(file)
    if not isinstance(written, dict):
        raise UserError(f"{file} must be a mapping with the key space, and perhaps {', '.join(Study.model_fields)}")
    space = written.get("space", {})
    tree = {"space": {}} | written | dict(options)
    if isinstance(space, dict):
        tree["space"] = space | options.get("space", {})
    model = tree.setdefault("model", next(iter(base.models)))
    if model != REFERENCE and model not in base.models:
        raise UserError(f"{file or OPTIONS}: there is no model {model}; take {', '.join([*base.models, REFERENCE])}")
    seed = base.baseline.seed if model == REFERENCE else base.models[model].seed
    defaults = {"method": "grid", "objective": "macro_f1", "seeds": [seed], "trials": None, "sampler_seed": 13}
    study = check(Study, defaults | tree, file or OPTIONS)
    _check_keys(study, file or OPTIONS)
    check_space(base, study.dimensions, study.method)
    return study


def _check_keys(study: Study, place: str | Path) -> None:
    """Raise UserError for a key that cannot change the model's predictions, or that changes the rows they are on."""
    section = "baseline" if study.model == REFERENCE else "models"
    for key in study.space:
        if key == study.seed_key:
            raise UserError(f"{place}: {key} is the seed of every point; list its values with --seeds instead")
        if not key.startswith(f"{section}."):
            why = "all points must have the same rows" if re.match("fetch|merge_labels|split", key) else "no effect"
            raise UserError(f"{place}: {key} cannot be swept ({why}); take keys of {section}.* for {study.model}")
    if len(set(study.seeds)) < len(study.seeds):
        raise UserError(f"{place}: a seed is listed twice; each gives one experiment per point")


def study_name(name: str | None, file: Path | None, study: Study) -> str:
    """Return the name of a study: as given, else that of its file, else the last words of its keys.

    Raises:
        UserError: if the name cannot be a part of paths and of names of experiments.
    """
    chosen = name or (file.stem if file else "-".join(key.rpartition(".")[2] for key in sorted(study.space)))
    if not ENTRY_NAME.fullmatch(chosen):
        raise UserError(f"the name {chosen!r} of the study must {ENTRY_NAME_RULE}; give another one with --name")
    return chosen
