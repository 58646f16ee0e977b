"""Arguments of the command `complaints sign`, parsed without anything that takes time to import."""

import argparse
from typing import Any

from complaints import console


def _sign(arguments: argparse.Namespace) -> int:
    from complaints.lineage.signatures import check_signature, sign, signed_parts

    if arguments.key is not None:
        for signed in sign(arguments.checkpoint, arguments.key):
            print(f"signed {signed.path}: {signed.signature}")
        return 0
    problems = check_signature(arguments.checkpoint, arguments.check)
    for problem in problems:
        print(problem)
    if not problems:
        for signed in signed_parts(arguments.checkpoint):
            print(f"{signed.path} is what was signed in {signed.signature} with this key")
    return 1 if problems else 0


def add(commands: Any) -> None:
    """Add the command to the subcommands of the command line."""
    sign = commands.add_parser(
        "sign", help="sign a checkpoint and its lineage with your own key, or check its signature"
    )
    sign.add_argument("checkpoint", type=console.user_path, help="folder of the checkpoint, such as models/minilm")
    task = sign.add_mutually_exclusive_group(required=True)
    task.add_argument("--key", type=console.user_path, metavar="FILE", help="sign with this private key (EC, PEM)")
    task.add_argument(
        "--check", type=console.user_path, metavar="FILE", help="check the signature with this public key (PEM)"
    )
    sign.set_defaults(run=_sign, anywhere=True)
