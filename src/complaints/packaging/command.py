"""Command `complaints package`; imports that take long come after the checks of the arguments."""

import argparse
import tempfile
from contextlib import ExitStack
from pathlib import Path

from complaints.core.errors import UserError, printable
from complaints.output_files import check_folder
from complaints.predicting.choice import ModelChoice, choose
from complaints.serving.choosing import threshold
from complaints.tracking.registry import check, registry


def _check_target(target: Path) -> None:
    """Check that nothing is lost.

    Raises:
        UserError: as `check_folder` does, and if the folder has files.
    """
    check_folder(target, "--output")
    if target.is_dir() and any(target.iterdir()):
        raise UserError(f"{target} has files, which would be lost; move them, or name another folder with --output")


def _register(arguments: argparse.Namespace, choice: ModelChoice, package: Path, experiment: str) -> None:
    """Register a package, and name it by the alias if that is free.

    Raises:
        UserError: if MLflow fails, or the alias names another version, which stays.
    """
    from complaints.packaging.registering import register

    version, is_new = register(experiment, arguments.register, arguments.model.name, choice, package)
    if is_new:
        print(f"registered as {version}: {version.address}")
    else:
        print(f"{version} is this package already; no other was made")
    alias = arguments.alias
    if alias is None:
        return
    with registry(Path("."), "the alias was not set") as opened:
        holder = opened.holder(version.name, alias)
        if holder is None:
            opened.move(version, alias, "named when it was registered: the alias named no version")
            print(f"{alias} is {version}")
        elif holder.number != version.number:
            promote = f"complaints promote {version.name} {version.number} --alias {alias}"
            raise UserError(f"{alias} stays {holder}; `{promote}` moves it if this version is not worse")


def run(arguments: argparse.Namespace, experiment: str = "") -> int:
    """Run the command.

    Args:
        arguments: Those of the command line.
        experiment: The experiment of MLflow for --register.

    Raises:
        UserError: naming the argument or the file that is missing or wrong.
    """
    if arguments.output is None and arguments.register is None:
        raise UserError("nothing would be kept; name a folder with --output or a registered model with --register")
    if arguments.alias is not None and arguments.register is None:
        raise UserError("--alias names a registered version; give --register NAME too")
    if arguments.output is not None:
        _check_target(arguments.output)
    choice = choose(arguments.model)
    least = threshold(arguments.abstain_below, choice)
    if arguments.register is not None:
        check(Path("."), experiment)  # a store that cannot take it costs no packaging

    from complaints.packaging.save import save
    from complaints.predicting.predictors import load

    with ExitStack() as stack:
        target = arguments.output or Path(stack.enter_context(tempfile.TemporaryDirectory())) / "package"
        difference, has_lineage = save(arguments.model.name, choice, load(choice, "fp32"), least, target)
        shown = "package" if arguments.output is None else printable(str(target))
        print(f"{shown}: {arguments.model.name}; probabilities as the project's to {difference:.0e}")
        if not has_lineage:
            print("note: there is no lineage of these files in reports/cards, so the package has none")
        if arguments.register is not None:
            _register(arguments, choice, target, experiment)
    return 0
