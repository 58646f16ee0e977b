"""Downloads follow redirects, use the proxy of the environment, and verify certificates."""

import shutil
import subprocess
from pathlib import Path

import pytest
from support.archive_server import BODY, PATH, File, Site, serve
from support.downloads import refusal

from complaints.sources.download import CHUNK_BYTES, download

pytestmark = pytest.mark.usefixtures("no_backoff")


def test_redirects_are_followed_with_the_range(site: Site, tmp_path: Path) -> None:
    site.redirects["/moved"] = site.origin + PATH
    site.faults[PATH] = [("drop", CHUNK_BYTES)]
    assert download(site.origin + "/moved", tmp_path).read_bytes() == BODY
    assert [request.range for request in site.requests if request.path == PATH] == [None, f"bytes={CHUNK_BYTES}-"]


def test_a_redirect_to_itself_is_refused_in_one_line(site: Site, tmp_path: Path) -> None:
    site.redirects["/moved"] = site.origin + "/moved"
    assert "/moved cannot be downloaded: " in refusal(site.origin + "/moved", tmp_path)


def test_the_proxy_of_the_environment_is_used(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", site.origin)
    site.files["http://files.invalid/x.bin"] = File(b"from the proxy")
    assert download("http://files.invalid/x.bin", tmp_path).read_bytes() == b"from the proxy"


@pytest.mark.parametrize("proxy", ["socks9://127.0.0.1:9", "http://127.0.0.1:no"])
def test_a_proxy_that_cannot_be_used_is_refused_in_one_line(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy)
    assert "correct the variables HTTP_PROXY, " in refusal(site.origin + PATH, tmp_path)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
@pytest.mark.parametrize("trusted", [True, False])
def test_certificates_are_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trusted: bool) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    options = ["-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command = ["openssl", "req", "-x509", *options, "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with serve(certificate, key) as site:
        site.files[PATH] = File(BODY)
        address = site.origin + PATH
        if trusted:
            assert download(address, tmp_path).read_bytes() == BODY
        else:
            assert "CERTIFICATE_VERIFY_FAILED" in refusal(address, tmp_path)
            assert site.requests == []
