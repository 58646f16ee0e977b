"""Versions of packages in MLflow's model registry: their registration, their digests, and their aliases."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from complaints.core.errors import UserError
from complaints.tracking.logged_models import find_model
from complaints.tracking.mlflow_client import Experiment, connect, open_client
from complaints.tracking.problems import problem
from complaints.tracking.store import Store, logging_lock, store_of

ROW, REVISION = "scoreboard_row", "revision"
"""Tags with the row of the scoreboard, or the folder, that was packaged, and with the git commit that recorded it."""
PACKAGE_DIGEST = "package_digest"
"""The tag with the id in MLmodel, which follows from all other files of the package."""
MODEL_DIGEST = "model_digest"
"""The tag with the digest of the models and the decision rule, which is in every answer too."""
TIMEOUT_SECONDS = "60"
"""A package takes longer to upload than the runs of stages, which `mlflow_client.DEFAULTS` is for."""
AGAIN = "run the command again"


def split_tag(split: str) -> str:
    """Return the tag with the sha256 of the file of a split: `data_digest`, as in answers, is that of train."""
    return "data_digest" if split == "train" else f"{split}_digest"


@dataclass(frozen=True)
class Version:
    """A version of a registered model."""

    name: str
    number: int
    tags: Mapping[str, str]

    @property
    def address(self) -> str:
        """Return the address under which MLflow loads it."""
        return f"models:/{self.name}/{self.number}"

    def __str__(self) -> str:
        """Return the version in words."""
        return f"version {self.number} of {self.name}"


@dataclass(frozen=True)
class Registry:
    """The model registry of a store that is open."""

    store: Store
    client: Any

    def versions(self, name: str) -> list[Version]:
        """Return all versions of a model, from the first to the newest."""
        found, token = [], None
        while True:
            page = self.client.search_model_versions(f"name = '{name}'", page_token=token)
            found += [Version(name, int(one.version), dict(one.tags)) for one in page]
            token = page.token
            if not token:
                return sorted(found, key=lambda version: version.number)

    def version(self, name: str, number: int) -> Version:
        """Return one version.

        Raises:
            UserError: naming the ones that there are, if it does not exist.
        """
        versions = self.versions(name)
        for version in versions:
            if version.number == number:
                return version
        if not versions:
            raise UserError(
                f"there is no registered model {name} at {self.store.shown}; `complaints package MODEL --register "
                f"{name}` makes one"
            )
        known = ", ".join(str(version.number) for version in versions)
        raise UserError(f"{name} has no version {number} at {self.store.shown}; it has {known}")

    def holder(self, name: str, alias: str) -> Version | None:
        """Return the version that an alias names, None if it names none."""
        number = self.client.get_registered_model(name).aliases.get(alias)
        return None if number is None else self.version(name, int(number))

    def move(self, version: Version, alias: str, reason: str) -> None:
        """Let an alias name a version; its tag `promotion.<alias>` has the reason."""
        self.client.set_model_version_tag(version.name, str(version.number), f"promotion.{alias}", reason)
        self.client.set_registered_model_alias(version.name, alias, str(version.number))


@contextmanager
def _in_one_line(store: Store, undone: str) -> Iterator[None]:
    """Turn failures of MLflow into one line.

    Raises:
        UserError: for any exception of the block.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # MLflow, SQLAlchemy and requests have no common base class
        raise UserError(problem(store, error, undone, AGAIN)) from error


@contextmanager
def _as_default(store: Store) -> Iterator[None]:
    """Let MLflow resolve the addresses of models in a store: it asks the default one, whatever a client was made with.

    MLflow writes the default into an environment variable, which is as it was afterwards.
    """
    import mlflow

    try:
        mlflow.set_tracking_uri(store.uri)
        yield
    finally:
        mlflow.set_tracking_uri(None)  # type: ignore[arg-type]
        if store.address:
            os.environ["MLFLOW_TRACKING_URI"] = store.address


@contextmanager
def registry(root: Path, undone: str) -> Iterator[Registry]:
    """Open the registry of a project's store.

    Args:
        root: The folder of dvc.yaml.
        undone: What is not done if MLflow fails, for the message.

    Raises:
        UserError: if the store cannot be opened, or MLflow fails in the block.
    """
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", TIMEOUT_SECONDS)
    store = store_of(root)
    with _in_one_line(store, undone):
        client, _ = open_client(store, "")
        with _as_default(store):
            yield Registry(store, client)


def check(root: Path, experiment: str) -> None:
    """Check that packages can be registered, and make the experiment if it is missing.

    Raises:
        UserError: if not.
    """
    with registry(root, "not registered") as opened, logging_lock(opened.store):
        connect(opened.store, experiment)


def register(
    root: Path, experiment: str, name: str, package: Path, tags: dict[str, str], checkpoint: tuple[str, str] | None
) -> tuple[Version, bool]:
    """Register a package as the next version of a model; an equal package is registered once.

    Args:
        root: The folder of dvc.yaml.
        experiment: The experiment that the package becomes a logged model of.
        name: Name of the registered model, made if missing.
        package: Folder of the package.
        tags: Tags of the logged model and the version, PACKAGE_DIGEST among them.
        checkpoint: Path and md5 of the model in the package, whose training becomes the source run if it was logged;
            None for several models.

    Returns:
        The version, and whether it is new.

    Raises:
        UserError: if MLflow fails; a second try completes what was begun.
    """
    with registry(root, "not registered") as opened, logging_lock(opened.store):
        connected = connect(opened.store, experiment)
        for version in opened.versions(name):
            if version.tags.get(PACKAGE_DIGEST) == tags[PACKAGE_DIGEST]:
                return version, False
        model = _logged(connected, name, package, tags, checkpoint)
        if not opened.client.search_registered_models(f"name = '{name}'"):
            opened.client.create_registered_model(name)
        made = opened.client.create_model_version(
            name, f"models:/{model.model_id}", run_id=model.source_run_id, tags=tags, model_id=model.model_id
        )
        return Version(name, int(made.version), tags), True


def _logged(
    experiment: Experiment, name: str, package: Path, tags: dict[str, str], checkpoint: tuple[str, str] | None
) -> Any:
    """Return the logged model with the files of a package, made or completed if needed."""
    client = experiment.client
    condition = f"tags.{PACKAGE_DIGEST} = '{tags[PACKAGE_DIGEST]}'"
    found = client.search_logged_models([experiment.experiment_id], filter_string=condition)
    if not found:
        trained = find_model(experiment, *checkpoint) if checkpoint else None
        source = trained.source_run_id if trained else None
        made = client.create_logged_model(
            experiment.experiment_id, name=name, source_run_id=source, tags=tags, model_type="package"
        )
        found = [made]
    if found[0].status != "READY":
        client.log_model_artifacts(found[0].model_id, str(package))
        client.finalize_logged_model(found[0].model_id, "READY")
    return found[0]
