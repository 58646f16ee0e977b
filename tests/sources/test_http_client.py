"""Downloads follow redirects, use the proxy of the environment, and verify certificates."""

from pathlib import Path

import pytest
from support.archive_server import BODY, PATH, File, Site, needs_openssl, self_signed, serve
from support.downloads import refusal

from complaints.sources.download import download

pytestmark = pytest.mark.usefixtures("no_backoff")


def test_redirects_are_followed_with_the_range(site: Site, tmp_path: Path) -> None:
    site.redirects["/moved"] = site.origin + PATH
    site.faults[PATH] = [("drop", 70_000)]
    assert download(site.origin + "/moved", tmp_path).read_bytes() == BODY
    assert [request.range for request in site.requests if request.path == PATH] == [None, "bytes=70000-"]


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


@needs_openssl
@pytest.mark.parametrize("trusted", [True, False])
def test_certificates_are_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trusted: bool) -> None:
    certificate, key = self_signed(tmp_path)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with serve(certificate, key) as site:
        site.files[PATH] = File(BODY)
        address = site.origin + PATH
        if trusted:
            assert download(address, tmp_path).read_bytes() == BODY
        else:
            message = refusal(address, tmp_path)
            assert f"{address} cannot be downloaded: the server's certificate is not valid (self-signed" in message
            assert "SSL_CERT_FILE" in message
            assert site.requests == []


@needs_openssl
def test_a_certificate_of_another_host_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, key = self_signed(tmp_path, "DNS:files.invalid")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with serve(certificate, key) as site:
        assert "the server's certificate is not valid (Hostname mismatch" in refusal(site.origin + PATH, tmp_path)


def test_a_server_without_tls_is_refused_in_one_line(site: Site, tmp_path: Path) -> None:
    message = refusal(site.origin.replace("http:", "https:") + PATH, tmp_path)
    assert "cannot be downloaded: the server does not speak TLS as expected (" in message
