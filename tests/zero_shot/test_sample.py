"""The sample: complete clusters, the same for the same seed, and nested."""

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from complaints.zero_shot.sample import draw_sample, sampled_rows

CLUSTERS = st.lists(st.integers(0, 30).map(str), min_size=1, max_size=80)


@given(CLUSTERS, st.integers(1, 90), st.integers(0, 5))
def test_clusters_are_complete_and_one_fewer_would_be_too_few(clusters: list[str], rows: int, seed: int) -> None:
    chosen = sampled_rows(clusters, rows, seed)
    names = {clusters[row] for row in chosen}
    assert chosen.tolist() == [row for row, name in enumerate(clusters) if name in names]
    assert len(chosen) >= min(rows, len(clusters))
    assert min(len(chosen) - clusters.count(name) for name in names) < rows


@given(CLUSTERS, st.integers(1, 90), st.integers(1, 90))
def test_a_larger_sample_contains_a_smaller_one(clusters: list[str], a: int, b: int) -> None:
    small, large = (set(sampled_rows(clusters, rows, 13).tolist()) for rows in sorted((a, b)))
    assert small <= large


def test_seeds_draw_other_clusters_and_their_order_means_nothing() -> None:
    clusters = [str(number) for number in range(100)]
    assert sampled_rows(clusters, 50, 1).tolist() != sampled_rows(clusters, 50, 2).tolist()
    assert {clusters[row] for row in sampled_rows(clusters, 50, 1)} == {
        clusters[::-1][row] for row in sampled_rows(clusters[::-1], 50, 1)
    }


def test_the_sample_is_of_test_rows_in_their_order(workspace: Path) -> None:
    sample = draw_sample(Path("data/splits"), 10, 13)
    assert len(sample.row_ids) == len(sample.texts) == sample.clusters == 10
    assert all(row_id.startswith("test") for row_id in sample.row_ids)
    numbers = np.array([int(row_id.removeprefix("test")) for row_id in sample.row_ids])
    assert (np.diff(numbers) > 0).all()
