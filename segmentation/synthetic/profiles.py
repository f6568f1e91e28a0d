"""What is planted: five usage segments, thirteen industries, and the words that rows are made of.

A segment says how an account uses the software; an industry, if it is learnable, nudges that usage a little. Neither
follows from the other: industries are handed out without looking at segments.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

CATEGORIES = (
    "Application",
    "Document",
    "System",
    "Licensing",
    "Event",
    "Preflight Report",
    "Preflight Report Items",
    "Others",
)
PRODUCTS = ("Press Studio", "Preflight Server", "Imposition Desk", "Proof Viewer", "Plate Manager")
SYSTEMS = ("Windows", "macOS", "Linux")
STATUSES = ("ok", "warning", "error", "cancelled")
USER_STATES = ("active", "outdated")
RHYTHMS = ("office", "shifts", "round the clock")
COUNTRIES = ("DE", "US", "GB", "FR", "NL", "BE", "IT", "ES", "PL", "SE", "JP", "BR")

#: share of a category's event names that carry a duration, and that carry a value
CARRY_DURATION: Mapping[str, float] = {
    "Application": 0.3,
    "Document": 0.6,
    "System": 0.3,
    "Event": 0.5,
    "Preflight Report": 0.6,
}
CARRY_VALUE: Mapping[str, float] = {
    "Document": 0.6,
    "Event": 0.2,
    "Preflight Report": 0.5,
    "Preflight Report Items": 0.6,
}


@dataclass(frozen=True)
class Segment:
    """How one kind of customer uses the software; planted, to be found again by clustering."""

    name: str
    share: float
    #: share of the account's rows in each category; about 1 in sum
    mix: Mapping[str, float]
    #: log of rows per month, relative to the other segments
    level: float
    #: one of RHYTHMS
    rhythm: str
    #: chance that a token is used at all on a working day
    active: float
    #: log of weekend use relative to working days
    weekend: float
    #: log weight of products that this kind of customer prefers
    products: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Industry:
    """A line of business. With all shifts at nought it is not learnable: usage is exactly that of the majority."""

    name: str
    #: share among the accounts outside the majority industry
    share: float
    #: shifts at signal 1 of the log of: category mix, mean duration, mean value (all per category)
    mix: Mapping[str, float] = field(default_factory=dict)
    duration: Mapping[str, float] = field(default_factory=dict)
    value: Mapping[str, float] = field(default_factory=dict)
    #: shifts of the log weight of products and operating systems
    products: Mapping[str, float] = field(default_factory=dict)
    systems: Mapping[str, float] = field(default_factory=dict)
    #: shifts of the log of: error rate, weekend use, use in July and August
    errors: float = 0.0
    weekend: float = 0.0
    summer: float = 0.0
    #: shift of the logit of the part of the event names that the account ever uses
    breadth: float = 0.0

    @property
    def learnable(self) -> bool:
        """Whether usage differs from the majority's in anything."""
        shifts = (self.mix, self.duration, self.value, self.products, self.systems)
        return any(shifts) or any((self.errors, self.weekend, self.summer, self.breadth))


def _mix(*shares: float) -> Mapping[str, float]:
    return dict(zip(CATEGORIES, shares, strict=True))


SEGMENTS = (
    Segment("Desktop editing", 0.26, _mix(0.30, 0.50, 0.02, 0.03, 0.02, 0.08, 0.03, 0.02), 1.9, "office", 0.80, -2.2,
            {"Press Studio": 1.5, "Imposition Desk": 0.8}),
    Segment("Automated preflight", 0.18, _mix(0.01, 0.02, 0.10, 0.02, 0.03, 0.32, 0.49, 0.01), 3.3, "round the clock",
            0.97, -0.3, {"Preflight Server": 2.0}),
    Segment("Pooled licences", 0.19, _mix(0.09, 0.02, 0.27, 0.57, 0.02, 0.01, 0.01, 0.01), 1.3, "office", 0.65, -1.9,
            {"Plate Manager": 1.0}),
    Segment("Scripted workflow", 0.17, _mix(0.02, 0.06, 0.08, 0.02, 0.60, 0.02, 0.01, 0.19), 2.4, "shifts", 0.90, -1.0,
            {"Imposition Desk": 1.2, "Preflight Server": 0.8}),
    Segment("Occasional checks", 0.20, _mix(0.24, 0.08, 0.02, 0.08, 0.02, 0.28, 0.16, 0.12), -0.3, "office", 0.20, -1.7,
            {"Proof Viewer": 1.5}),
)  # fmt: skip

MAJORITY = Industry("Commercial Print", 0.0)
MINORITIES = (
    Industry("Sign/Large Format", 0.16, value={"Document": 1.3, "Event": 1.2, "Preflight Report": 1.2,
                                               "Preflight Report Items": 1.2}),
    Industry("Packaging", 0.14, duration={"Preflight Report": 1.3, "Event": 1.2, "Document": 1.0, "System": 1.0}),
    Industry("Publishers", 0.12),
    Industry("Education", 0.11, summer=-0.8, errors=0.4),
    Industry("Brand Owners", 0.09),
    Industry("Labels", 0.09, mix={"Licensing": 0.6, "Document": -0.6}, breadth=-1.5),
    Industry("Newspapers", 0.08, weekend=1.1, duration={"Preflight Report": -0.9, "Document": -0.7, "Event": -0.7}),
    Industry("Advertising Agency", 0.07),
    Industry("Trade Services", 0.05),
    Industry("Photo Studio", 0.04, systems={"macOS": 3.0}, products={"Proof Viewer": 1.0},
             value={"Document": -1.3, "Preflight Report": -1.3, "Preflight Report Items": -1.3}),
    Industry("Government", 0.03),
    Industry("Consulting", 0.02),
)  # fmt: skip
INDUSTRIES = (MAJORITY, *MINORITIES)

SYSTEM_WEIGHTS: Mapping[str, float] = {"Windows": 1.0, "macOS": 0.0, "Linux": -1.6}
