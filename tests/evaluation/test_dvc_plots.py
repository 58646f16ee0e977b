"""The plots of dvc.yaml: every one is drawn from the stages' tables, by templates that name columns of them."""

import json
import re

import pytest
from ruamel.yaml import YAML
from support.paths import ROOT
from support.project import Project

from complaints.core.csv_files import read_csv

TEMPLATES = sorted((ROOT / ".dvc/plots").glob("*.json"))


@pytest.mark.slow
def test_every_plot_is_drawn_with_data_and_known_columns(built: Project) -> None:
    declared = {name: plot for item in YAML().load(ROOT / "dvc.yaml")["plots"] for name, plot in item.items()}
    shown = json.loads(built.run("dvc", "plots", "show", "--json", "--split").stdout)
    assert not shown.get("errors")
    assert {template.stem for template in TEMPLATES} <= {plot["template"] for plot in declared.values()}
    for name, plot in declared.items():
        (drawn,) = shown["data"][name]
        anchors = drawn["anchor_definitions"]
        assert anchors["<DVC_METRIC_DATA>"], name
        (table,) = plot["y"]
        columns = {*read_csv(built.root / table)[0], "rev", "rank"}
        content = drawn["content"] if isinstance(drawn["content"], str) else json.dumps(drawn["content"])
        named = {*re.findall(r"datum\.(\w+)", content), plot["x"], plot["y"][table]}
        assert named <= columns, name
