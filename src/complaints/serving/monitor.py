"""Command `complaints monitor`: the inputs and answers in an inference log against those of the pipeline's data."""

import argparse


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    raise NotImplementedError
