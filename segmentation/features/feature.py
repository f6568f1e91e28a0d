"""What a feature knows about itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from segmentation.settings.logs import TOTALS

if TYPE_CHECKING:
    from pyspark.sql import Column

#: stands for the sum of all categories wherever a category is named
ALL = TOTALS


@dataclass(frozen=True)
class Feature:
    """One column of the basetable, declared. Inert: `build` is called only once a session exists.

    A feature with a `category` is computed on that category's row of the account (`ALL`: on the row of its totals);
    features of the same `entry` share one expression. Any other is computed on the account's own row.
    """

    name: str
    #: one plain sentence; it travels with the column into the generated page
    meaning: str
    #: how the value of a token is measured
    measured: str
    #: how tokens roll up into an account: sum, max, union of days, recomputed from the account's sums, ...
    rollup: str
    #: the account's value, from its rolled-up measures; null where it cannot be measured
    build: Callable[[], Column]
    #: what replaces null in the finished basetable; a string makes it a categorical feature
    fill: float | str = 0.0
    #: models see log1p of it
    heavy_tailed: bool = False
    #: the category whose row it is computed on, ALL, or None for the account's own row
    category: str | None = None
    #: its name without the category
    entry: str = ""

    @property
    def is_categorical(self) -> bool:
        """True for a feature with text values, such as the dominant product."""
        return isinstance(self.fill, str)
