"""Subject of a statement: the files of the traced outputs with their digests."""

from pathlib import Path

from complaints.core.files import file_digest
from complaints.lineage.chain import Chain
from complaints.lineage.intoto import Descriptor
from complaints.lineage.statement import describe
from complaints.tracing.listings import Listings


def subject_of(chain: Chain, root: Path) -> list[Descriptor]:
    """Return the outputs that were asked for, folders as their files, as ResourceDescriptors.

    A file has its md5 in dvc.lock, and the sha256 of the bytes with that md5 in DVC's cache or in the workspace. A
    folder that neither of them has is described by its own hash.
    """
    listings = Listings(root)
    found = []
    for out in chain.outs:
        members = listings.get(out.md5, out.path) if out.md5.endswith(".dir") else {"": out.md5}
        if not members:
            found.append(describe(out))
        for name, md5 in members.items():
            path = f"{out.path}/{name}".rstrip("/")
            file = listings.file(md5, path)
            digest = {"md5": md5} | ({"sha256": file_digest(file)} if file else {})
            found.append({"name": path, "digest": digest})
    return found
