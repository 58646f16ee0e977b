"""MLflow's page of the logged runs, served in place of the present process."""

import importlib.util
import os
import sys
from pathlib import Path

from complaints.core.errors import UserError
from complaints.tracking.problems import problem
from complaints.tracking.store import check_store, is_free, store_of


def open_page(root: Path, port: int) -> int:
    """Serve MLflow's page on this machine, or say where a server has it already.

    Args:
        root: The folder of dvc.yaml.
        port: Port of this machine.

    Returns:
        The exit status, if a server has the page; else this process becomes MLflow's.

    Raises:
        UserError: if MLflow is not installed, its store cannot be read, or the port is in use.
    """
    if importlib.util.find_spec("mlflow") is None:
        raise UserError("mlflow is not installed; run `pip install -r requirements.txt -c constraints.txt`")
    store = store_of(root)
    if store.is_server:
        print(f"MLFLOW_TRACKING_URI names a server, which has the page itself: open {store.shown}")
        return 0
    try:
        check_store(store)
        if store.address and store.database is None:
            # MLflow's own command answers an address that it cannot use with a traceback.
            from complaints.tracking.mlflow_client import open_client

            open_client(store, "")
    except Exception as error:  # of sqlite or the file system; MLflow repeats a failing attempt for minutes
        raise UserError(problem(store, error, "MLflow's page cannot show the store")) from None
    if not is_free(port):
        raise UserError(f"port {port} is in use; name another with --port")
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", store.uri]
    # The page needs none of MLflow's workers for jobs: eight processes that outlive a signal by seconds.
    os.environ.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
    # MLflow takes the place of this process, so that signals reach it: it ends its servers itself.
    os.execv(sys.executable, [*command, "--port", str(port)])
