"""Time of the check of a stage's inputs, relative to the stage.

    python benchmarks/input_checks.py

Run it at the root, after `dvc repro`. For each stage of dvc.lock it runs the stage's command once, without DVC and
without MLflow, and `core.stage_inputs.check_inputs` five times, of which the fastest counts. The outputs are rewritten
with the same content. The last line is the sum over all stages.
"""

import subprocess
import sys
import time
from pathlib import Path

from complaints.core.dvc_lock import read_lock
from complaints.core.stage_inputs import LOCK_FILE, check_inputs, dependencies

CHECKS = 5


def _seconds_of_check(stage: str) -> float:
    times = []
    for _ in range(CHECKS):
        start = time.perf_counter()
        check_inputs(stage)
        times.append(time.perf_counter() - start)
    return min(times)


def _size(path: Path) -> int:
    return (
        sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) if path.is_dir() else path.stat().st_size
    )


def main() -> None:
    """Print a row for each stage."""
    total = [0.0, 0.0]
    print(f"{'stage':<20}{'inputs, MB':>12}{'check, s':>10}{'stage, s':>10}{'share':>8}")
    for name, stage in read_lock(LOCK_FILE).items():
        megabytes = sum(_size(Path(dep)) for dep in dependencies(name)) / 1e6
        check = _seconds_of_check(name)
        start = time.perf_counter()
        command = stage.cmd.replace("python ", f"{sys.executable} ", 1)
        subprocess.run(command, shell=True, check=True, capture_output=True)
        seconds = time.perf_counter() - start
        total = [total[0] + check, total[1] + seconds]
        print(f"{name:<20}{megabytes:>12.1f}{check:>10.3f}{seconds:>10.1f}{check / seconds:>8.1%}", flush=True)
    print(f"{'all':<20}{'':>12}{total[0]:>10.3f}{total[1]:>10.1f}{total[0] / total[1]:>8.1%}")


if __name__ == "__main__":
    main()
