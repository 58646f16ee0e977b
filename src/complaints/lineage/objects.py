"""Any object of DVC by md5, a file or a member of a folder: from the cache, or fetched into it from a remote."""

import json
from collections.abc import Iterable
from pathlib import Path

from complaints.core.errors import UserError
from complaints.core.files import file_digest
from complaints.core.paths import SCRATCH
from complaints.lineage.cache import Cache

ROW_INDEX = SCRATCH / "row_history.sqlite"
"""Index of the rows of old versions. It has ids, hashes and signatures of complaints, no text, and can be deleted."""

FOLDER = ".dir"
"""End of the md5 of a folder, whose object is a JSON listing of its files."""


class Objects(Cache):
    """DVC's cache and one of its remotes, with folders and their members."""

    def checked(self, md5: str) -> Path:
        """Return the path of an object, the listing of a folder included, whose bytes have its md5.

        Raises:
            UserError: if they have another.
        """
        path = super().checked(md5)
        if md5.endswith(FOLDER) and file_digest(path, "md5") != md5.removesuffix(FOLDER):
            raise UserError(
                f"{path} in DVC's cache is damaged: its md5 is not that of its name; run `rm -f {path}`, then the "
                "command again"
            )
        return path

    def available(self, md5s: Iterable[str]) -> dict[str, Path]:
        """Return md5 -> path in the cache of the objects that it has, or that the remote brings.

        Raises:
            UserError: if the remote cannot be read, or an object is damaged.
        """
        wanted = list(dict.fromkeys(md5s))
        absent = set(self.bring(wanted))
        return {md5: self.checked(md5) for md5 in wanted if md5 not in absent}

    def folders(self, md5s: Iterable[str]) -> dict[str, dict[str, str]]:
        """Return md5 -> (path inside the folder -> md5 of the file) of the folders whose listing can be read.

        Raises:
            UserError: as `available` does.
        """
        found = self.available(md5s)
        return {
            md5: {entry["relpath"]: entry["md5"] for entry in json.loads(path.read_bytes())}
            for md5, path in found.items()
        }

    def file(self, md5: str, member: str | None = None) -> Path:
        """Return the path in the cache of a file, or of a member of a folder.

        Args:
            md5: The md5 of the file, or that of the folder, which ends in `.dir`.
            member: Path of the file inside the folder.

        Raises:
            UserError: if neither the cache nor the remote has it, the folder has no such member, or as `available`.
        """
        if member is not None:
            inside = self.folders([md5]).get(md5)
            if inside is None:
                raise UserError(self._absent(md5))
            if member not in inside:
                raise UserError(f"the folder with md5 {md5} has no {member}; it has {', '.join(sorted(inside)[:5])}")
            md5 = inside[member]
        found = self.available([md5])
        if md5 not in found:
            raise UserError(self._absent(md5))
        return found[md5]

    def _absent(self, md5: str) -> str:
        push = "run `dvc push --all-commits` on the machine that made it"
        return f"the object with md5 {md5} is not in DVC's cache, and {self.remote}; {push}"
