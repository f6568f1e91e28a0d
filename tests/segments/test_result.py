from __future__ import annotations

import pandas as pd
import pytest

from segmentation.segments.result import SegmentationRun


@pytest.mark.parametrize(
    ("components", "y"), [({"c0": [1.23456789, -2.0], "c1": [0.5, 4.0], "c2": [9.0, 9.0]}, [0.5, 4.0]),
                          ({"c0": [1.23456789, -2.0]}, [0.0, 0.0])],
)  # fmt: skip
def test_accounts_stand_where_two_components_put_them(components: dict[str, list[float]], y: list[float]) -> None:
    points = pd.DataFrame(components, index=["a", "b"])
    placed = SegmentationRun((), {}, "", 0, points, points, ()).positions()
    assert placed["account_id"].tolist() == ["a", "b"]
    assert placed["x"].tolist() == [1.234568, -2.0]
    assert placed["y"].tolist() == y
