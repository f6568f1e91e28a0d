from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from segmentation.settings import SyntheticSettings
from segmentation.synthetic.names import NameTables
from segmentation.synthetic.profiles import CATEGORIES

Categories = list[dict[str, Any]]


def fitting(categories: Categories, name: str) -> set[str]:
    """Categories of which a prefix or pattern fits the name."""
    return {
        entry["name"]
        for entry in categories
        if name.startswith(tuple(entry["prefixes"])) or any(re.search(p, name) for p in entry["patterns"])
    }


def test_the_eight_categories_stand_in_their_order(categories: Categories) -> None:
    assert tuple(entry["name"] for entry in categories) == CATEGORIES


def test_about_320_names_and_none_twice(categories: Categories) -> None:
    names = [name for entry in categories for name in entry["names"]]
    assert sorted(names) == sorted(set(names))
    assert 300 <= len(names) <= 340


def test_no_name_fits_a_rule_of_another_category(categories: Categories) -> None:
    ambiguous = {
        name: others
        for entry in categories
        for name in entry["names"]
        if (others := fitting(categories, name) - {entry["name"]})
    }
    assert ambiguous == {}


def test_generated_unknown_names_fit_no_rule(
    categories: Categories, event_names: dict[str, list[str]], make_settings: Callable[..., SyntheticSettings]
) -> None:
    tables = NameTables.build(make_settings(), event_names)
    unknown = tables.names[tables.known :]
    assert unknown
    assert {name for name in unknown if name in tables.names[: tables.known] or fitting(categories, name)} == set()


def test_a_category_without_names_is_refused_by_name(
    event_names: dict[str, list[str]], make_settings: Callable[..., SyntheticSettings]
) -> None:
    with pytest.raises(ValueError, match="Licensing"):
        NameTables.build(make_settings(), {**event_names, "Licensing": []})
