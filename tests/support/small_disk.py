"""A small file system in memory, for tests of a full disk."""

import subprocess
from pathlib import Path


class SmallDisk:
    """A mount point with little space."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.folder = folder

    def mount(self, kilobytes: int) -> bool:
        """Mount the file system; return whether this user may."""
        command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(self.folder)]
        return subprocess.run(command, capture_output=True).returncode == 0

    def grow(self) -> None:
        """Enlarge the file system."""
        subprocess.run(["mount", "-o", "remount,size=64m", str(self.folder)], check=True)

    def unmount(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True)
