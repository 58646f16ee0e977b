"""Rebuild of a copy by `dvc repro`, compared with the committed dvc.lock as each stage ends."""

import re
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from complaints.core.errors import UserError
from complaints.reproducing.clean_copy import Copy
from complaints.reproducing.differences import StageResult, compare_stage, with_inputs
from complaints.reproducing.environment import Environment
from complaints.reproducing.processes import lines_of
from complaints.reproducing.target import Target

RUNNING = re.compile(r"(?:Running stage|Stage) '([^']+)'")
"""DVC's line when a stage begins, or when it is complete from an interrupted reproduction."""
LAST_LINES = 20
"""Lines of a failed stage in which its message is looked for."""
Say = Callable[[str], None]


def rebuild(target: Target, copy: Copy, environment: Environment, log: Path, say: Say) -> list[StageResult]:
    """Run the stages of a target in a copy and return how each compares with the committed dvc.lock, in their order.

    Raises:
        UserError: if a stage fails; the message has the stage's own last line.
    """
    results: dict[str, StageResult] = {}
    numbers = {stage.name: number for number, stage in enumerate(target.stages, start=1)}
    stages = {stage.name: stage for stage in target.stages}

    def ended(name: str, seconds: float) -> None:
        if name not in stages or name in results:
            return
        results[name] = result = compare_stage(stages[name], copy.root)
        outs = len(result.stage.outs)
        verdict = f"{len(result.outputs)} of its {outs} outputs differ" if result.outputs else "identical"
        say(f"[{numbers[name]:>2}/{len(numbers)}] {name:<24} {verdict}, {seconds:.1f} s")

    command = [str(environment.python), "-m", "dvc", "repro", *target.makers]
    running, begun, last = "", time.monotonic(), [""]
    output = lines_of(command, copy.root, environment.variables(copy.root, copy.folder), log)
    try:
        # An interruption between two lines, while outputs are compared, ends the processes too.
        with closing(output):
            for line in output:
                if match := RUNNING.match(line):
                    ended(running, time.monotonic() - begun)
                    running, begun = match[1], time.monotonic()
                elif line.strip():
                    last = [*last, line.strip()][-LAST_LINES:]
    except subprocess.CalledProcessError:
        reason = next((line for line in last if line.startswith("error:")), last[-1])
        raise UserError(f"{running or 'DVC'} failed in the copy ({reason}); {log} has the whole output") from None
    ended(running, time.monotonic() - begun)
    for name in stages:
        ended(name, 0.0)
    return with_inputs([results[name] for name in stages], copy.root)
