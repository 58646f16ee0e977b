"""The outputs of the last good run survive every failure, whether DVC or a stage finds it."""

import os

import pytest
from support.project import Project

from complaints.core.config import read_yaml
from complaints.core.dvc_lock import hash_path

pytestmark = pytest.mark.slow

FILE_SOURCE = ("  source: sample\n", "  source: file\n")
BANKS = "  path: data/sources/synthetic\n"
MAP = "  map: data/label_map.yaml\n"


def _outputs(project: Project) -> dict[str, str | None]:
    """Return the hash of every output in dvc.lock, as it is in the workspace."""
    stages = read_yaml(project.root / "dvc.lock")["stages"].values()
    return {out["path"]: hash_path(project.root, out["path"]) for stage in stages for out in stage["outs"]}


@pytest.mark.parametrize("damages_one", [False, True])
def test_a_stage_that_fails_leaves_the_outputs_of_the_last_good_run(project: Project, damages_one: bool) -> None:
    before = _outputs(project)
    assert None not in before.values()
    for name, stage in read_yaml(project.root / "dvc.lock")["stages"].items():
        script = project.root / stage["cmd"].split()[1]
        text = script.read_text()
        first = stage["outs"][0]["path"]
        file = first if (project.root / first).is_file() else f"{first}/file"
        lines = [
            "def failing() -> None:",
            "    from complaints.core.files import write_text",
            *([f"    write_text({file!r}, 'half of the outputs')"] if damages_one else []),
            "    raise RuntimeError('a fault of this test')",
            "stage.run(failing)",
        ]
        script.write_text(text.replace("    stage.run(main)", "    pass") + "\n".join(lines))
        result = project.run("dvc", "repro", "--single-item", "--force", name, check=False)
        assert "RuntimeError: a fault of this test" in result.stdout, result.stdout
        assert result.returncode != 0
        script.write_text(text)
        assert _outputs(project) == before, name


@pytest.mark.parametrize(
    ("changes", "makes"),
    [
        ([FILE_SOURCE, (BANKS, "  path: nothere.csv\n")], "nothing"),
        ([FILE_SOURCE, (BANKS, "  path: here\n")], "folder"),
        ([FILE_SOURCE, (BANKS, "  path: here\n")], "link to nothing"),
        ([(BANKS, "  path: params.yaml\n")], "nothing"),
        ([(BANKS, "  path: nothere\n")], "nothing"),
        ([(MAP, "  map: nothere.yaml\n")], "nothing"),
        ([(MAP, "  map: here\n")], "folder"),
        ([(MAP, "  map: params.yaml\n")], "nothing"),
        ([(MAP, "  map: data/raw/complaints.parquet\n")], "nothing"),
    ],
)
def test_a_parameter_that_names_a_wrong_path_leaves_every_output(
    changes: list[tuple[str, str]], makes: str, project: Project
) -> None:
    before = _outputs(project)
    if makes == "folder":
        (project.root / "here").mkdir()
    elif makes == "link to nothing":
        os.symlink("nothere", project.root / "here")
    for old, new in changes:
        project.set_param(old, new)
    result = project.run("dvc", "repro", check=False)
    assert result.returncode != 0
    assert "Traceback" not in result.stdout
    assert _outputs(project) == before


def test_outputs_that_dvc_removed_for_missing_initial_weights_come_back_with_the_old_value(project: Project) -> None:
    """DVC removes the outputs of embed before it looks for the weights; its cache keeps them."""
    before = _outputs(project)
    weights = "    weights: models/pretrained/minilm\n"
    project.set_param(weights, "    weights: models/pretrained/nothere\n")
    assert project.run("dvc", "repro", check=False).returncode != 0
    kept = {path: md5 for path, md5 in _outputs(project).items() if md5 is not None}
    assert before.items() - kept.items() == {("data/features/minilm", before["data/features/minilm"])}
    project.set_param("    weights: models/pretrained/nothere\n", weights)
    assert project.repro() == []
    assert _outputs(project) == before
