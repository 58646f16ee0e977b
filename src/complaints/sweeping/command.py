"""Command `complaints sweep`; imports that take long come after the checks of the study."""

import argparse
from pathlib import Path
from typing import Any

from complaints import params
from complaints.core.errors import UserError, say_error
from complaints.core.yaml_text import parse_yaml

FIELDS = ("model", "method", "objective", "seeds", "trials", "sampler_seed")
"""Options that are fields of `Study`."""


def _options(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the fields of a study that the command line gives."""
    given = {name: getattr(arguments, name) for name in FIELDS if getattr(arguments, name) is not None}
    space: dict[str, Any] = {}
    for assignment in arguments.set:
        key, equals, value = assignment.partition("=")
        if not equals or not key or not value.strip():
            raise UserError(f"{assignment!r}: write KEY=VALUES, e.g. 'baseline.words.c=choice(5, 20)'")
        if key in space:
            raise UserError(f"-S {key} is given twice; give its values in one list, e.g. -S '{key}=choice(5, 20)'")
        space[key] = value if "(" in value else parse_yaml(value, key)
    if arguments.study is None and not space:
        raise UserError("sweep: give a study's YAML file, or keys with -S, e.g. -S 'baseline.words.c=choice(5, 20)'")
    return given | ({"space": space} if space else {})


def run(arguments: argparse.Namespace, base: params.Params) -> int:
    """Run the command; the status is 1 if an experiment failed.

    Args:
        arguments: Those of the parser.
        base: params.yaml, which the points change.

    Raises:
        UserError: for anything wrong with the study, before an experiment runs.
    """
    from complaints.sweeping.study import read_study, study_name

    study = read_study(arguments.study, _options(arguments), base)
    name = study_name(arguments.name, arguments.study, study)

    from complaints.sweeping.report import write_report
    from complaints.sweeping.run import Options, Sweep

    sweep = Sweep(Path("."), name, study, Options(arguments.retry_failed, say_error))
    if arguments.dry_run:
        print("\n".join(sweep.planned()))
        return 0
    sweep.run()
    print(write_report(sweep), end="")
    if sweep.failed:
        say_error(f"error: {len(sweep.failed)} experiments failed; run this with --retry-failed to try them again")
    return 1 if sweep.failed else 0
