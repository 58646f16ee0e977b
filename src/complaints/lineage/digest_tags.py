"""Tags by which MLflow's runs and models are found: the md5 of each file and folder behind them, as in dvc.lock."""

import re

MODEL_MD5 = "model_md5"
"""Tag with the md5 of a checkpoint, on its training, on its rows of the scoreboard and on its logged model."""
KEY_CHARACTERS = 250
"""Length to which MLflow limits the name of a tag (mlflow.utils.validation.MAX_ENTITY_KEY_LENGTH)."""


def digest_tag(path: str) -> str:
    """Return the tag with the md5 of a path; characters that MLflow does not allow in names become `_`."""
    allowed = re.sub(r"[^\w./ :-]", "_", path, flags=re.ASCII)
    return f"md5.{re.sub('/+', '/', allowed)}"[:KEY_CHARACTERS].rstrip("/")


def run_search(path: str, md5: str) -> str:
    """Return the Python expression that finds all runs behind which there is a file or folder with this md5."""
    return f"""mlflow.search_runs(search_all_experiments=True, filter_string="tags.`{digest_tag(path)}` = '{md5}'")"""


def model_search(md5: str, experiment: str) -> str:
    """Return the Python expression that finds the logged models of a checkpoint in an experiment."""
    experiment_id = f"mlflow.get_experiment_by_name({experiment!r}).experiment_id"
    return f"""mlflow.search_logged_models([{experiment_id}], filter_string="tags.{MODEL_MD5} = '{md5}'")"""
