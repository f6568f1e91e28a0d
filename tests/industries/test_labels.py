from __future__ import annotations

import pandas as pd
import pytest

from segmentation.errors import InputProblem, LackingData
from segmentation.industries.labels import choose_labels


def accounts(**counts: int) -> pd.DataFrame:
    rows = [
        (name, "test" if number % 5 == 0 else "train", number % 3) for name, n in counts.items() for number in range(n)
    ]
    return pd.DataFrame(rows, columns=["industry", "split", "fold"])


def test_industries_come_largest_first_and_small_ones_are_left_out_by_name() -> None:
    labels = choose_labels(accounts(Toys=10, Food=20, Wine=3), min_accounts=5)
    assert labels.industries == ("Food", "Toys")
    assert labels.support == {"Food": 20, "Toys": 10}
    assert labels.excluded == {"Wine": "3 labelled accounts, fewer than 5"}
    assert labels.folds == 3


def test_no_industry_may_be_called_as_all_of_them_are() -> None:
    with pytest.raises(InputProblem, match=r"an industry is called 'all', .* basetable.label_groups"):
        choose_labels(accounts(Toys=10, Food=20, all=10), min_accounts=5)


def test_an_industry_that_some_fold_could_not_learn_is_left_out() -> None:
    one_fold = pd.DataFrame({"industry": "Wine", "split": "train", "fold": [1, 1, 1]})
    labels = choose_labels(pd.concat([accounts(Toys=10, Food=20), one_fold]), min_accounts=2)
    assert labels.excluded == {"Wine": "its training accounts do not reach into two folds"}


@pytest.mark.parametrize(
    ("counts", "found"),
    [
        ({"Food": 20, "Wine": 3}, "only Food has enough labelled accounts .left out: Wine: 3 labelled accounts"),
        ({"Wine": 3}, "none among 3 labelled accounts"),
    ],
)
def test_one_industry_is_an_error_that_says_what_was_found_and_the_fix(counts: dict[str, int], found: str) -> None:
    with pytest.raises(LackingData, match=f"at least two industries: {found}.*lower industry.min_accounts"):
        choose_labels(accounts(**counts), min_accounts=5)


def test_an_empty_fold_is_refused() -> None:
    frame = accounts(Toys=10, Food=20).replace({"fold": {1: 0}})
    with pytest.raises(ValueError, match="no labelled training account in fold 1; use fewer folds"):
        choose_labels(frame, min_accounts=5)
