"""OpenLineage events of stages: data that was read and written, code, parameters, end (https://openlineage.io/spec).

A dataset is a file or folder of data as dvc.lock names it, with its md5 as the version. The namespace of datasets and
jobs is the address of the project's git remote, or of its folder where it has none. The parent of all runs is the state
of the pipeline: the commit and the parameters that they belong to.
"""

import importlib.metadata
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pyarrow.parquet as pq
from openlineage.client import event_v2 as spec
from openlineage.client import facet_v2 as facets

from complaints.core.config import PARAMS_FILE
from complaints.core.dvc_lock import Entry, Stage, hash_path
from complaints.core.errors import one_line, without_credentials
from complaints.core.files import file_digest
from complaints.lineage.git import git
from complaints.lineage.lock import flatten, is_code, stage_inputs_hash
from complaints.tracking.projection import outs_md5

Kind = Literal["START", "COMPLETE", "FAIL", "ABORT"]

PRODUCER = "urn:complaints:tracking"
PIPELINE = "pipeline"
"""Name of the parent job."""
NAMES = uuid.UUID("6a1d0a53-3a5c-5a07-9a39-0c8f0b8f6a55")
"""Namespace of the ids that are made of hashes (RFC 9562, version 5)."""


@dataclass(frozen=True)
class Origin:
    """The project, commit and parameters to which the runs of stages belong."""

    namespace: str
    commit: str | None
    branch: str | None
    params_md5: str

    @property
    def run_id(self) -> str:
        """Return the id of the run of the whole pipeline."""
        return hashed_id(self.namespace, self.commit or "", self.params_md5)


def origin_of(root: Path) -> Origin:
    """Return the origin of the stages of a project as it is now."""
    remote = git(root, "remote", "get-url", "origin")
    namespace = without_credentials(remote) if remote else root.resolve().as_uri()
    commit, branch = git(root, "rev-parse", "HEAD"), git(root, "branch", "--show-current")
    return Origin(namespace, commit, branch or None, file_digest(root / PARAMS_FILE, "md5"))


def hashed_id(*parts: str) -> str:
    """Return a UUID that is a function of texts."""
    return str(uuid.uuid5(NAMES, "\n".join(parts)))


def restored_id(stage: Stage, origin: Origin) -> str:
    """Return the id of a run of which only dvc.lock tells; it is the same however often its events are sent."""
    return hashed_id(origin.namespace, stage.name, stage_inputs_hash(stage), outs_md5(stage))


def _describe(entry: Entry, origin: Origin, root: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the facets of a dataset, and its statistics: rows of its tables, bytes, files.

    Schema and rows are read from the workspace, if it holds the bytes with the entry's md5.
    """
    path = root / entry.path
    described: dict[str, Any] = {
        "dataSource": facets.datasource_dataset.DatasourceDatasetFacet(
            name=origin.namespace, uri=path.resolve().as_uri()
        ),
        "version": facets.dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=entry.md5),
    }
    if hash_path(root, entry.path) != entry.md5:
        return described, {"rowCount": None, "size": entry.size, "fileCount": None}
    files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
    tables = [file for file in files if file.suffix == ".parquet"]
    if tables:
        columns = pq.read_schema(min(tables))
        fields = [facets.schema_dataset.SchemaDatasetFacetFields(name=c.name, type=str(c.type)) for c in columns]
        described["schema"] = facets.schema_dataset.SchemaDatasetFacet(fields=fields)
    rows = sum(pq.read_metadata(table).num_rows for table in tables) if tables else None
    size = sum(file.stat().st_size for file in files)
    return described, {"rowCount": rows, "size": size, "fileCount": len(files)}


def _input(entry: Entry, origin: Origin, root: Path) -> spec.InputDataset:
    described, numbers = _describe(entry, origin, root)
    statistics = facets.input_statistics_input_dataset.InputStatisticsInputDatasetFacet(**numbers)
    return spec.InputDataset(
        namespace=origin.namespace, name=entry.path, facets=described, inputFacets={"inputStatistics": statistics}
    )


def _output(entry: Entry, origin: Origin, root: Path) -> spec.OutputDataset:
    described, numbers = _describe(entry, origin, root)
    statistics = facets.output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(**numbers)
    return spec.OutputDataset(
        namespace=origin.namespace, name=entry.path, facets=described, outputFacets={"outputStatistics": statistics}
    )


def _job(stage: Stage, origin: Origin) -> spec.Job:
    """Return the job of a stage, with the place of its script in git."""
    described: dict[str, Any] = {
        "jobType": facets.job_type_job.JobTypeJobFacet(processingType="BATCH", integration="DVC", jobType="STAGE")
    }
    script = next((dep.path for dep in stage.deps if dep.path.endswith(".py") and dep.path in stage.cmd), None)
    if script and origin.commit:
        described["sourceCodeLocation"] = facets.source_code_location_job.SourceCodeLocationJobFacet(
            type="git",
            url=f"{origin.namespace}/{script}",
            repoUrl=origin.namespace,
            path=script,
            version=origin.commit,
            branch=origin.branch,
        )
    return spec.Job(namespace=origin.namespace, name=stage.name, facets=described)


def _run(run_id: str, stage: Stage, origin: Origin, error: BaseException | None) -> spec.Run:
    """Return a run with its parent, engine, parameters, hash of inputs and, if it failed, its error."""
    values = {name: item for declared in stage.params.values() for name, item in flatten(declared).items()}
    parent, execution, tags = facets.parent_run, facets.execution_parameters_run, facets.tags_run
    described: dict[str, Any] = {
        "parent": parent.ParentRunFacet(
            run=parent.Run(runId=origin.run_id), job=parent.Job(namespace=origin.namespace, name=PIPELINE)
        ),
        "processing_engine": facets.processing_engine_run.ProcessingEngineRunFacet(
            version=importlib.metadata.version("dvc"), name="DVC"
        ),
        "executionParameters": execution.ExecutionParametersRunFacet(
            parameters=[execution.ExecutionParameter(key=name, value=str(item)) for name, item in values.items()]
        ),
        "tags": tags.TagsRunFacet(
            tags=[tags.TagsRunFacetFields(key="fingerprint", value=stage_inputs_hash(stage), source="dvc.lock")]
        ),
    }
    if error is not None:
        described["errorMessage"] = facets.error_message_run.ErrorMessageRunFacet(
            message=one_line(error), programmingLanguage="PYTHON"
        )
    return spec.Run(runId=run_id, facets=described)


def run_event(
    kind: Kind, run_id: str, stage: Stage, origin: Origin, root: Path, error: BaseException | None = None
) -> spec.RunEvent:
    """Return an event of a stage's run.

    Args:
        kind: A START has no outputs; the others have those that are there.
        run_id: The UUID of the run.
        stage: The stage as dvc.lock has it, or would have it now.
        origin: The project, commit and parameters.
        root: The folder of dvc.yaml.
        error: The exception that ended the run.
    """
    facets.set_producer(PRODUCER)
    return spec.RunEvent(
        eventType=spec.RunState[kind],
        eventTime=datetime.now(UTC).isoformat(),
        run=_run(run_id, stage, origin, error),
        job=_job(stage, origin),
        producer=PRODUCER,
        inputs=[_input(dep, origin, root) for dep in stage.deps if not is_code(dep.path)],
        outputs=[] if kind == "START" else [_output(out, origin, root) for out in stage.outs],
    )
