"""What to call a segment, and what to say about it: from the figures of its profile alone.

A difference counts when its interval leaves zero out and it is large enough to matter; on a variable that was not
clustered on, only when its test also holds after correction. What was clustered on is described, never called
significant.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from segmentation.features.feature import ALL, Feature
from segmentation.shown import fixed, shown_share

#: categories are compared by their share of the account's rows, which does not depend on how much it is used
NAMED_BY = "share_year"
#: Hedges' g from which a difference names a segment: a medium effect (Cohen 1988), which the eye would see
WORTH_A_NAME = 0.5
#: ... and from which one that was not clustered on is worth a sentence: a small effect; for shares so many of all
WORTH_A_WORD, SHARE_WORTH_A_WORD = 0.2, 0.1
#: highest q value (Benjamini and Hochberg) with which a test holds
LEVEL = 0.05
#: so many features are told of each kind
TOLD = 3
#: what is said of a segment, or of the others, when there are too few accounts for any effect
NOT_COMPARED, TOO_FEW = "not compared", "Too few accounts to compare."
#: what a name says of the use -> whether that is more (1) or less (-1) than of the others
USES = {"heavy use": 1, "light use": -1, "average use": 0, NOT_COMPARED: 0}
#: how a value of an attribute is written among the features: `column = value`
VALUE = " = "


@dataclass(frozen=True)
class Told:
    """One figure of a profile that may be spoken of."""

    feature: str
    centre: float
    effect: float
    low: float
    high: float
    held_out: bool
    #: of the test; None where clustered on
    q: float | None

    @property
    def is_share(self) -> bool:
        """Whether it is about a value of an attribute."""
        return VALUE in self.feature

    def reaches(self, bar: float) -> bool:
        """Whether the difference is at least `bar` and beyond chance."""
        beyond = self.low > 0 or self.high < 0
        holds = not self.held_out or (self.q is not None and self.q <= LEVEL)
        return beyond and holds and abs(self.effect) >= bar


def words_for(features: Sequence[Feature], names: Sequence[str]) -> dict[str, str]:
    """Feature name -> plain words, for those that name a segment: the categories' shares, or all without these."""
    offered = [feature for feature in features if feature.name in names]
    shares = {
        feature.name: feature.category
        for feature in offered
        if feature.entry == NAMED_BY and feature.category not in (None, ALL)
    }
    return {name: str(word) for name, word in shares.items()} or {one.name: _plain(one.name) for one in offered}


def name_segments(
    profile: pd.DataFrame, words: Mapping[str, str], usage: str, carried: Mapping[int, str] | None = None
) -> dict[int, str]:
    """Segment -> a name unique within the run, such as `Heavy use, high Preflight Report, low Document`.

    `profile` is that of `segmentation.segments.profiles`; `usage` is the feature that says how much an account is
    used. Names in `carried` (segment -> name) stay. Segments that would share a name get their next most telling
    feature, and a number when there is none left.
    """
    kept = {segment: name for segment, name in (carried or {}).items() if segment in set(profile["segment"])}
    parts = {
        segment: _parts({one.feature: one for one in told}, words, usage)
        for segment, told in told_by_segment(profile).items()
        if segment not in kept
    }
    opening = {segment: 2 + (bool(said) and said[0].endswith(" use")) for segment, said in parts.items()}
    shown = {segment: min(opening[segment], len(said)) for segment, said in parts.items()}
    while True:
        names = kept | {segment: _joined(parts[segment][: shown[segment]]) for segment in parts}
        clashing = [segment for segment in parts if list(names.values()).count(names[segment]) > 1]
        extendable = [segment for segment in clashing if shown[segment] < len(parts[segment])]
        if not extendable:
            return _numbered(names, kept)
        for segment in extendable:
            shown[segment] += 1


def sentence(
    told: Sequence[Told],
    words: Mapping[str, str],
    named: Mapping[str, str],
    usage: str,
    size: str,
    carried: str | None = None,
) -> str:
    """What sets one segment apart, in plain sentences made of the tested figures alone.

    `told`: its figures (`told_by_segment`). `words`: all features in words (`spoken`). `named`: those that may name
    a segment (`words_for`). `size`: how it begins, such as `312 accounts (21 % of all)`.
    `carried`: the name that it has kept from the run before, where it has.
    """
    known = {one.feature: one for one in told}
    said = [f"{size}."]
    use = known.get(usage)
    if use is not None and use.reaches(WORTH_A_NAME):
        said.append(f"Used {'more' if use.effect > 0 else 'less'} than the others ({_interval(use)}).")
    cut = [one for one in told if one.feature in named and one.feature != usage and not one.held_out]
    cut = [one for one in cut if one.reaches(WORTH_A_NAME)][:TOLD]
    if cut:
        listed = "; ".join(f"{_direction(one)} {words.get(one.feature, _plain(one.feature))} ({_interval(one)})"
                           for one in cut)  # fmt: skip
        said.append(f"Marked by {listed}.")
    beyond = _one_of_a_kind([one for one in told if one.held_out and one.reaches(_bar(one))], words)
    if beyond:
        said.append("Though not clustered on: " + "; ".join(_tested(one, words) for one in beyond) + ".")
    if len(said) == 1:
        said.append("Nothing sets it clearly apart from the others." if _compared(told) else TOO_FEW)
    outgrown = _outgrown(carried, known, named, usage) if carried else []
    if outgrown:
        said.append(f"Named when it was found; today {', and '.join(outgrown)}.")
    return " ".join(said)


def told_by_segment(profile: pd.DataFrame) -> dict[int, list[Told]]:
    """Segment -> its figures, largest differences first; features without an effect are left out."""
    found: dict[int, list[Told]] = {int(segment): [] for segment in sorted(set(profile["segment"]))}
    for row in profile[profile["effect"].notna()].to_dict("records"):
        q = row["q_value"]
        tested = None if q is None or math.isnan(q) else float(q)
        centre, effect, low, high = (float(row[name]) for name in ("centre", "effect", "low", "high"))
        one = Told(str(row["feature"]), centre, effect, low, high, bool(row["held_out"]), tested)
        found[int(row["segment"])].append(one)
    for told in found.values():
        told.sort(key=lambda one: (-abs(one.effect), one.feature))
    return found


def _parts(known: Mapping[str, Told], words: Mapping[str, str], usage: str) -> list[str]:
    """Everything that could be said, most telling first: use, highest, lowest, then the rest by distance."""
    if not _compared(known.values()):
        return [NOT_COMPARED]
    telling = [known[name] for name in known if name in words and name != usage and known[name].reaches(WORTH_A_NAME)]
    first = [one for one in telling if one.effect > 0][:1] + [one for one in telling if one.effect < 0][:1]
    parts = [f"{_level(one)} {words[one.feature]}" for one in first]
    parts += [f"{_level(one)} {words[one.feature]}" for one in telling if one not in first]
    if usage in known and known[usage].reaches(WORTH_A_NAME):
        parts.insert(0, "heavy use" if known[usage].effect > 0 else "light use")
    return parts


def _outgrown(name: str, known: Mapping[str, Told], named: Mapping[str, str], usage: str) -> list[str]:
    """What a name from before says that does not hold any more; of what cannot be compared today nothing is said."""
    says = {part: (usage, way) for part, way in USES.items()}
    for feature, word in named.items():
        says |= {f"high {word}".lower(): (feature, 1), f"low {word}".lower(): (feature, -1)}
    parts = "|".join(re.escape(part) for part in sorted(says, key=len, reverse=True))
    found = []
    for part in re.findall(rf"(?:^|, )({parts})(?=, | \(\d+\)$|$)", name, re.IGNORECASE):
        feature, before = says[part.lower()]
        one = known.get(feature)
        now = 0 if one is None or not one.reaches(WORTH_A_NAME) else 1 if one.effect > 0 else -1
        if one is None or now == before:
            continue
        way, again = (now, "") if now else (before, "no longer clearly ")
        if feature == usage:
            found.append(f"it is {again}used {'more' if way > 0 else 'less'} than the others")
        else:
            found.append(f"{named[feature]} is {again}{'high' if way > 0 else 'low'}")
    return found


def _compared(told: Iterable[Told]) -> bool:
    """Whether there is any effect; shares of an attribute's values have one however few the accounts are."""
    return any(not one.is_share for one in told)


def _one_of_a_kind(told: Sequence[Told], words: Mapping[str, str]) -> list[Told]:
    """The first of each kind (one measure over several categories, one attribute), so as not to repeat oneself."""
    seen: dict[str, Told] = {}
    for one in told:
        kind = one.feature.split(VALUE)[0] if one.is_share else words.get(one.feature, one.feature).split(" of ")[0]
        seen.setdefault(kind, one)
    return list(seen.values())[:TOLD]


def _tested(one: Told, words: Mapping[str, str]) -> str:
    q = "q < 0.001" if one.q is not None and one.q < 0.001 else f"q = {one.q:.3f}"  # noqa: PLR2004  # three decimals
    if one.is_share:
        own, others = (shown_share(share, " ") for share in (one.centre, one.centre - one.effect))
        return f"{one.feature} in {own}, of the others in {others} ({q})"
    return f"{_direction(one)} {words.get(one.feature, _plain(one.feature))} ({_interval(one)}, {q})"


def _bar(one: Told) -> float:
    return SHARE_WORTH_A_WORD if one.is_share else WORTH_A_WORD


def _interval(one: Told) -> str:
    return f"g = {fixed(one.effect, 2)}, {fixed(one.low, 2)} to {fixed(one.high, 2)}"


def _level(one: Told) -> str:
    return "high" if one.effect > 0 else "low"


def _direction(one: Told) -> str:
    return "higher" if one.effect > 0 else "lower"


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _joined(parts: Sequence[str]) -> str:
    name = ", ".join(parts) or "average use"
    return name[0].upper() + name[1:]


def _numbered(names: Mapping[int, str], kept: Mapping[int, str]) -> dict[int, str]:
    """Equal names get a number, but those that are kept."""
    unique = dict(kept)
    for segment in sorted(names.keys() - kept.keys()):
        name, number = names[segment], 1
        while name in unique.values():
            number += 1
            name = f"{names[segment]} ({number})"
        unique[segment] = name
    return dict(sorted(unique.items()))
