"""Modes, links and temporaries of atomically replaced files and folders."""

import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from complaints.core.errors import UserError
from complaints.core.files import replacing_file, replacing_folder


def _write_file(path: Path) -> None:
    with replacing_file(path) as temporary:
        temporary.unlink()
        temporary.write_text("new")
        temporary.chmod(0o600)  # as some libraries do


def _write_folder(path: Path) -> None:
    with replacing_folder(path) as temporary:
        (temporary / "sub").mkdir()
        (temporary / "sub/file").write_text("new")
        (temporary / "sub/file").chmod(0o600)


WRITERS = [_write_file, _write_folder]


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=[0o022, 0o077, 0o002])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    """The umask of the process."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_new_outputs_have_the_mode_that_the_umask_gives_them(tmp_path: Path, umask: int) -> None:
    _write_file(tmp_path / "a")
    _write_folder(tmp_path / "b")
    assert _mode(tmp_path / "a") == _mode(tmp_path / "b/sub/file") == 0o666 & ~umask
    assert _mode(tmp_path / "b") == _mode(tmp_path / "b/sub") == 0o777 & ~umask


def test_replaced_outputs_keep_their_mode(tmp_path: Path, umask: int) -> None:
    for mode in (0o600, 0o640, 0o664):
        (tmp_path / "a").write_text("old")
        (tmp_path / "a").chmod(mode)
        _write_file(tmp_path / "a")
        assert _mode(tmp_path / "a") == mode
    (tmp_path / "b").mkdir(mode=0o700)
    _write_folder(tmp_path / "b")
    assert (_mode(tmp_path / "b"), _mode(tmp_path / "b/sub/file")) == (0o700, 0o600)


@pytest.mark.parametrize("write", WRITERS)
def test_links_are_written_through(write: Callable[[Path], None], tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to("disk/real")
    for _ in ("dangling", "with a target"):
        write(tmp_path / "link")
        assert (tmp_path / "link").is_symlink()
        real = tmp_path / "disk/real"
        assert (real if real.is_file() else real / "sub/file").read_text() == "new"


def test_a_link_into_dvcs_cache_is_replaced_and_the_cached_file_stays(tmp_path: Path) -> None:
    (tmp_path / "cached").write_text("old")
    (tmp_path / "cached").chmod(0o444)
    (tmp_path / "out").symlink_to("cached")
    _write_file(tmp_path / "out")
    assert not (tmp_path / "out").is_symlink()
    assert ((tmp_path / "out").read_text(), (tmp_path / "cached").read_text()) == ("new", "old")


@pytest.mark.parametrize("write", WRITERS)
def test_a_pipe_is_not_replaced(write: Callable[[Path], None], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="pipe is neither a file nor a folder"):
        write(tmp_path / "pipe")
    assert (tmp_path / "pipe").is_fifo()


def test_a_folder_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    with pytest.raises(UserError, match="a is a folder"):
        _write_file(tmp_path / "a")
    assert (tmp_path / "a/b").is_dir()


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_temporaries_of_killed_writes_are_swept_and_those_of_living_ones_stay(kind: str, tmp_path: Path) -> None:
    body = (
        f"import os\nfrom complaints.core.files import replacing_{kind}\n"
        f"with replacing_{kind}('out') as t:\n    os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", body], cwd=tmp_path, check=False)
    left = list(tmp_path.iterdir())
    assert len(left) == 1
    assert left[0].name.startswith(".out.")
    assert left[0].name.endswith("~")  # .dvcignore and .gitignore have this pattern
    with replacing_file(tmp_path / "out"):
        alive = [file for file in tmp_path.iterdir() if file not in left]
        assert not left[0].exists()
        assert len(alive) == 1
        with replacing_file(tmp_path / "out"):
            assert alive[0].exists()
    assert [file.name for file in tmp_path.iterdir()] == ["out"]


def test_git_and_dvc_ignore_temporaries() -> None:
    from support.paths import ROOT

    for name in (".gitignore", ".dvcignore"):
        assert "*~" in (ROOT / name).read_text().splitlines()
