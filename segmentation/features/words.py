"""Features in plain words, within a sentence: for whoever reads a report and knows no column names."""

from __future__ import annotations

import re
from collections.abc import Sequence

from segmentation.features.feature import ALL, Feature

#: how the meaning of a feature of two categories begins; its name has short forms
JOINT = "Joint use of "
#: a name, and the part of the year that it is about; year over year is a measure
_PERIOD = re.compile(r"(?P<what>.+)_(?:(?P<kind>[qm])(?P<number>\d+)|(?<!_over_)year)")
_PERIODS = {"q": "quarter", "m": "month"}
_ORDINALS = {1: "", 2: "2nd ", 3: "3rd "}


def spoken(features: Sequence[Feature]) -> dict[str, str]:
    """Feature name -> plain words, such as `active days of Document` or `rows of System in the 2nd latest month`."""
    return {one.name: _said(one) for one in features}


def _said(feature: Feature) -> str:
    if feature.meaning.startswith(JOINT):
        joint = feature.meaning.rpartition(":")[0]
        return joint[0].lower() + joint[1:]
    name = feature.entry or feature.name
    found = _PERIOD.fullmatch(name)
    what = (found["what"] if found else name).replace("_", " ")
    # figures of a category are of a year unless they say something else
    of = f" of {_category(feature)}" if feature.entry else " in a year" if found and not found["kind"] else ""
    return f"{what}{of}{_when(found) if found and found['kind'] else ''}"


def _when(found: re.Match[str]) -> str:
    number = int(found["number"])
    return f" in the {_ORDINALS.get(number, f'{number}th ')}latest {_PERIODS[found['kind']]}"


def _category(feature: Feature) -> str:
    return "all categories" if feature.category in (None, ALL) else str(feature.category)
