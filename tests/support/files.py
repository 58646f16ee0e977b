"""Damage to files of a pipeline."""

from pathlib import Path


def flip_byte(path: Path) -> None:
    """Flip one bit in the middle of a file, without a change of any file of DVC's cache that it is linked to.

    An empty file gets a byte.
    """
    content = bytearray(path.read_bytes() or b"\1")
    content[len(content) // 2] ^= 1
    path.unlink()
    path.write_bytes(content)
