"""Packages in a fresh environment: the same answers as the stored predictions, by every way of MLflow.

    python benchmarks/packaged_model.py [ROW ...] [--spark] [--environment FOLDER]

Run after `dvc repro`, at the root of the project. Each row of the scoreboard is packaged; a new virtual environment
gets the requirements.txt of the package by pip and nothing else, with `--spark` also pyspark, which needs Java. The
project is not on its path. There the test complaints are labelled by `mlflow.pyfunc.load_model`, `mlflow models
predict`, `mlflow models serve` over HTTP and `mlflow.pyfunc.spark_udf`, and compared with the labels and probabilities
that follow from predictions/ and the decision rule. Prints the greatest difference of a probability, and ends with
status 1 if one is above 1e-5 or a label differs. --environment keeps the environment, and takes the one of last time.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from harness.served_models import mlflow_serve

from complaints.comparing.rows import answers_of, truth_of
from complaints.lineage.snapshots import WORKSPACE, Snapshots
from complaints.packaging.save import TOLERANCE, save
from complaints.predicting.choice import ModelArgument, choose
from complaints.predicting.predictors import load

LOAD = """
import importlib.util, json, sys, mlflow, pandas
assert importlib.util.find_spec("complaints") is None
model = mlflow.pyfunc.load_model(sys.argv[1])
found = model.predict(pandas.DataFrame(**json.load(open(sys.argv[2]))["dataframe_split"]))
found.to_json(sys.argv[3], orient="records", double_precision=15)
"""
SPARK = """
import json, sys, mlflow, pandas
from pyspark.sql import SparkSession
from pyspark.sql.functions import struct
spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
rows = pandas.DataFrame(**json.load(open(sys.argv[2]))["dataframe_split"]).reset_index()
columns = "label string, probabilities array<double>"
answer = mlflow.pyfunc.spark_udf(spark, sys.argv[1], result_type=columns, env_manager="local")
frame = spark.createDataFrame(rows).repartition(3).withColumn("answer", answer(struct("text")))
found = frame.select("index", "answer.*").toPandas().sort_values("index")
found["probabilities"] = found["probabilities"].map(list)
found.to_json(sys.argv[3], orient="records", double_precision=15)
"""
Answers = list[dict[str, Any]]


def make_environment(folder: Path, requirements: list[Path], spark: bool) -> Path:
    """Make a virtual environment with the requirements of packages, and return its Python."""
    python = folder / "bin/python"
    if not python.is_file():
        venv.create(folder, with_pip=True)
    named = [word for file in requirements for word in ("-r", str(file))] + (["pyspark"] if spark else [])
    subprocess.run([python, "-m", "pip", "install", "--quiet", *named], check=True)
    return python


def ways(python: Path, package: Path, texts: Path, answers: Path, spark: bool) -> dict[str, Callable[[], Answers]]:
    """Return way -> a function that labels the texts in the environment.

    Args:
        python: That of the environment.
        package: The packaged model.
        texts: File of the texts, a request of MLflow's scoring protocol with `dataframe_split`.
        answers: File to write.
        spark: Whether Spark is one of the ways.
    """

    def by(*command: str) -> Answers:
        done = subprocess.run([python, *command], cwd=answers.parent, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{command[:5]} failed:\n{done.stderr[-3000:]}")
        found = json.loads(answers.read_text())
        return list(found["predictions"] if isinstance(found, dict) else found)

    def by_server() -> Answers:
        with mlflow_serve(package, answers.parent / "serve.log", str(python)) as server:
            url = f"http://127.0.0.1:{server.port}/invocations"
            request = urllib.request.Request(url, texts.read_bytes(), {"Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=600) as reply:
                return list(json.load(reply)["predictions"])

    options = ["-m", str(package), "-i", str(texts), "-o", str(answers), "-t", "json", "--env-manager", "local"]
    files = [str(package), str(texts), str(answers)]
    found: dict[str, Callable[[], Answers]] = {
        "mlflow.pyfunc.load_model": lambda: by("-c", LOAD, *files),
        "mlflow models predict": lambda: by("-m", "mlflow", "models", "predict", *options),
        "mlflow models serve": by_server,
    }
    return found | ({"mlflow.pyfunc.spark_udf": lambda: by("-c", SPARK, *files)} if spark else {})


def check(row: str, python: Path, package: Path, folder: Path, spark: bool) -> bool:
    """Print a line for each way, and return whether all answers are those of the stored predictions."""
    with Snapshots() as snapshots:
        workspace = snapshots.get(WORKSPACE)
        truth = truth_of(workspace)
        wanted = answers_of(workspace, row, truth, "test")
    texts, answers, agree = folder / "texts.json", folder / "answers.json", True
    lines = [[text] for text in truth.texts["test"]]
    frame = {"columns": ["text"], "index": list(range(len(lines))), "data": lines}
    texts.write_text(json.dumps({"dataframe_split": frame}))
    labels = [truth.labels[label] for label in wanted.predicted]
    for way, label in ways(python, package, texts, answers, spark).items():
        start = time.monotonic()
        found = label()
        probabilities = np.array([answer["probabilities"] for answer in found])
        difference = float(np.abs(probabilities - np.exp(wanted.log_probabilities)).max())
        others = sum(answer["label"] != label for answer, label in zip(found, labels, strict=True))
        agree &= difference <= TOLERANCE and not others
        seconds = time.monotonic() - start
        print(f"{row}: {way}: {len(found)} texts, {others} other labels, {difference:.1e}; {seconds:.0f} s", flush=True)
    return agree


def main() -> int:
    """Package, install, label and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", default=["tfidf-adjusted", "minilm-adjusted"], metavar="ROW")
    parser.add_argument("--spark", action="store_true")
    parser.add_argument("--environment", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        packages = {row: folder / f"package{number}" for number, row in enumerate(arguments.rows)}
        for row, package in packages.items():
            choice = choose(ModelArgument(row, Path(row)))
            save(row, choice, load(choice, "fp32"), None, package)
        requirements = [package / "requirements.txt" for package in packages.values()]
        environment = (arguments.environment or folder / "environment").resolve()
        python = make_environment(environment, requirements, arguments.spark)
        os.environ.pop("PYTHONPATH", None)
        os.environ["PATH"] = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
        os.environ["PYSPARK_PYTHON"] = str(python)
        kept = [check(row, python, package, folder, arguments.spark) for row, package in packages.items()]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
