"""Command `complaints package`; imports that take long come after the checks of the arguments."""

import argparse
from pathlib import Path

from complaints.core.errors import UserError, printable
from complaints.output_files import check_folder
from complaints.predicting.choice import choose
from complaints.serving.choosing import threshold


def _check_target(target: Path) -> None:
    """Check that nothing is lost.

    Raises:
        UserError: as `check_folder` does, and if the folder has files.
    """
    check_folder(target, "--output")
    if target.is_dir() and any(target.iterdir()):
        raise UserError(f"{target} has files, which would be lost; move them, or name another folder with --output")


def run(arguments: argparse.Namespace) -> int:
    """Run the command.

    Raises:
        UserError: naming the argument or the file that is missing or wrong.
    """
    _check_target(arguments.output)
    choice = choose(arguments.model)
    least = threshold(arguments.abstain_below, choice)

    from complaints.packaging.save import save
    from complaints.predicting.predictors import load

    difference, has_lineage = save(arguments.model.name, choice, load(choice, "fp32"), least, arguments.output)
    target = printable(str(arguments.output))
    print(f"{target}: {arguments.model.name}; probabilities as the project's to {difference:.0e}")
    if not has_lineage:
        print("note: there is no lineage of these files in reports/cards, so the package has none")
    return 0
