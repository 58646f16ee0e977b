"""Stage scripts in processes of their own, which may kill themselves in the middle."""

import os
import signal
import subprocess
import sys

from support.paths import ROOT

DRIVER = """
import importlib, os, runpy, signal, sys

script, module, name, calls, *sys.argv = sys.argv[1:]
owner, count = importlib.import_module(module), 0
function = getattr(owner, name)

def counted(*arguments):
    global count
    result = function(*arguments)
    count += 1
    if count == int(calls):
        os.kill(os.getpid(), signal.SIGKILL)
    return result

setattr(owner, name, counted)
sys.argv.insert(0, script)
runpy.run_path(script, run_name="__main__")
"""


def run_stage(script: str, entry: str) -> None:
    """Run a stage script for an entry in the working directory."""
    subprocess.run([sys.executable, ROOT / "stages" / script, entry], env=_environment(), check=True)


def run_killed(script: str, entry: str, module: str, function: str, calls: int) -> None:
    """Run a stage script in a process that kills itself with SIGKILL after some calls of a function.

    Args:
        script: Name of the script.
        entry: Its argument.
        module: Module of the function.
        function: Its name there.
        calls: The number of calls after which the process ends.
    """
    command = [sys.executable, "-c", DRIVER, str(ROOT / "stages" / script), module, function, str(calls), entry]
    assert subprocess.run(command, env=_environment(), check=False).returncode == -signal.SIGKILL


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT / "src")}
