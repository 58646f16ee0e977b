"""S3 server on loopback (moto's), with a bucket, as a remote of DVC and as a store of artifacts."""

import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.mini_pipeline import environment
from support.mlflow_runs import free_port

BUCKET = "complaints"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@dataclass(frozen=True)
class Bucket:
    """A bucket of a running server, which takes any credentials."""

    address: str
    """Of the server, as http://127.0.0.1:<port>."""

    @property
    def client(self) -> Any:
        """Return a client of the server."""
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.address,
            region_name=CREDENTIALS["AWS_DEFAULT_REGION"],
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        )

    def keys(self, prefix: str = "") -> list[str]:
        """Return the keys of the objects, sorted."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return sorted(item["Key"] for page in pages for item in page.get("Contents", ()))

    def add_remote(self, root: Path, folder: str) -> None:
        """Make a folder of the bucket the default remote of a project; its configuration has no credentials."""
        config = f"[core]\n    remote = store\n['remote \"store\"']\n    url = s3://{BUCKET}/{folder}\n"
        (root / ".dvc/config.local").write_text(f"{config}    endpointurl = {self.address}\n")


@contextmanager
def s3_server(folder: Path) -> Iterator[Bucket]:
    """Run the server in a process of its own, with an empty bucket, and yield that."""
    port = free_port()
    code = "import sys; from moto.server import main; main(['-H', '127.0.0.1', '-p', sys.argv[1]])"
    with (folder / "s3.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-c", code, str(port)], stdout=log, stderr=log, env=environment(**CREDENTIALS)
        )
    try:
        bucket = Bucket(f"http://127.0.0.1:{port}")
        _wait(bucket.address, server, folder / "s3.log")
        bucket.client.create_bucket(Bucket=BUCKET)
        yield bucket
    finally:
        server.kill()
        server.wait()


def _wait(address: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(f"{address}/moto-api/", timeout=5):
                return
        except OSError:
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
