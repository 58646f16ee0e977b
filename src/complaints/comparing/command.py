"""The command `complaints compare`."""

import argparse

from complaints.comparing.blocks import as_markdown, as_text
from complaints.comparing.comparison import Options, make_comparison
from complaints.comparing.document import document
from complaints.comparing.fixes import write_ids
from complaints.comparing.json_form import as_json
from complaints.comparing.sides import pairs, parse_side
from complaints.comparing.verdicts import check_metrics, failures, parse_limit
from complaints.core.errors import UserError, say_error
from complaints.lineage.snapshots import WORKSPACE, Snapshots
from complaints.output_files import check_target

FEWEST_RESAMPLES, MOST_RESAMPLES = 100, 1_000_000


def run(arguments: argparse.Namespace) -> int:
    """Compare two sides and print the report.

    Returns:
        The exit status: 1 if a limit of --fail-if-worse is broken, else 0.

    Raises:
        UserError: for arguments that name nothing, files that cannot be had, and sides that cannot be compared.
    """
    limits = [parse_limit(argument) for argument in arguments.fail_if_worse]
    if arguments.strict and not limits:
        raise UserError("--strict says how --fail-if-worse decides; give --fail-if-worse METRIC=MARGIN too")
    if arguments.resamples < FEWEST_RESAMPLES:
        raise UserError(f"--resamples {arguments.resamples}: the least is {FEWEST_RESAMPLES}; the default is 10000")
    if arguments.resamples > MOST_RESAMPLES:
        raise UserError(f"--resamples {arguments.resamples}: the most is {MOST_RESAMPLES}; the default is 10000")
    if arguments.ids is not None:
        check_target(arguments.ids, "--ids", (".csv",))
    options = Options(arguments.subset, arguments.common_rows, arguments.resamples)
    with Snapshots() as snapshots:
        workspace = snapshots.get(WORKSPACE)
        a, b = (parse_side(text, workspace) for text in (arguments.a, arguments.b))
        comparison = make_comparison(pairs(a, b, arguments.model, snapshots), snapshots, options)
        check_metrics(limits, list(comparison.results[0].metrics))
    if arguments.ids is not None:
        write_ids(arguments.ids, [(*result.pair.titles, result.flips) for result in comparison.results])
    if arguments.format == "json":
        print(as_json(comparison))
    else:
        blocks = document(comparison, max(arguments.texts, 0))
        print((as_text if arguments.format == "text" else as_markdown)(blocks))
    verdicts = {result.title: result.metrics for result in comparison.results}
    broken = failures(limits, arguments.strict, verdicts)
    if broken:
        say_error(f"failed: {'; '.join(broken)}")
    return 1 if broken else 0
