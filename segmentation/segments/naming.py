"""What to call a segment: how much it is used, then the features in which it stands furthest from the average."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from segmentation.features.feature import Feature

#: categories are compared by their share of the account's rows, which does not depend on how much it is used
NAMED_BY = "share_year"
#: standard deviations from the mean of all accounts from which a difference is worth a word
USAGE_WORTH, FEATURE_WORTH = 0.5, 0.3


def words_for(features: Sequence[Feature], names: Sequence[str]) -> dict[str, str]:
    """Feature name -> plain words, for those that name a segment: the categories' shares, or all without these."""
    offered = [feature for feature in features if feature.name in names]
    shares = {feature.name: feature.category for feature in offered if feature.entry == NAMED_BY and feature.category}
    return shares or {feature.name: feature.name.replace("_", " ") for feature in offered}


def name_segments(
    differences: Mapping[int, Mapping[str, float]], words: Mapping[str, str], usage: str
) -> dict[int, str]:
    """Segment -> a name unique within the run, such as `Heavy use, high Preflight Report, low Document`.

    `differences` holds, per segment and feature, how many standard deviations the segment's mean lies from the mean
    of all accounts; `usage` is the feature that says how much an account is used. Segments that would share a name
    get their next most telling feature, and a number when there is none left.
    """
    parts = {segment: _parts(values, words, usage) for segment, values in differences.items()}
    shown = {segment: min(_opening(values, usage), len(parts[segment])) for segment, values in differences.items()}
    while True:
        names = {segment: _joined(parts[segment][: shown[segment]]) for segment in parts}
        clashing = [segment for segment in parts if list(names.values()).count(names[segment]) > 1]
        extendable = [segment for segment in clashing if shown[segment] < len(parts[segment])]
        if not extendable:
            return _numbered(names)
        for segment in extendable:
            shown[segment] += 1


def _opening(values: Mapping[str, float], usage: str) -> int:
    """How many parts a name starts with: two features, and the use where it is worth a word."""
    return 2 + (abs(values.get(usage, 0.0)) >= USAGE_WORTH)


def _parts(values: Mapping[str, float], words: Mapping[str, str], usage: str) -> list[str]:
    """Everything that could be said, most telling first: use, highest, lowest, then the rest by distance."""
    known = {name: values[name] for name in words if name in values and name != usage}
    by_distance = sorted(known, key=lambda name: (-abs(known[name]), name))
    telling = [name for name in by_distance if abs(known[name]) >= FEATURE_WORTH]
    high = [name for name in telling if known[name] > 0][:1]
    low = [name for name in telling if known[name] < 0][:1]
    first = sorted([*high, *low], key=lambda name: -known[name])
    parts = [f"{'high' if known[name] > 0 else 'low'} {words[name]}" for name in first]
    parts += [f"{'high' if known[name] > 0 else 'low'} {words[name]}" for name in telling if name not in first]
    if abs(values.get(usage, 0.0)) >= USAGE_WORTH:
        parts.insert(0, "heavy use" if values[usage] > 0 else "light use")
    return parts


def _joined(parts: Sequence[str]) -> str:
    name = ", ".join(parts) or "average use"
    return name[0].upper() + name[1:]


def _numbered(names: Mapping[int, str]) -> dict[int, str]:
    unique: dict[int, str] = {}
    for segment in sorted(names):
        name, number = names[segment], 1
        while name in unique.values():
            number += 1
            name = f"{names[segment]} ({number})"
        unique[segment] = name
    return unique
