"""Every feature of the basetable, declared once. Inert: no Column is built before a session exists.

An entry that every category has stands here once, with `{category}` in its meaning; each category, and the totals,
turn it into a feature of their own. The columns that `build` names are those of `segmentation.features.accounts`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

from pyspark.sql import Column
from pyspark.sql import functions as F

from segmentation.errors import InputProblem
from segmentation.features import expressions as E
from segmentation.features.feature import ALL, Feature
from segmentation.features.months import QUARTER, YEAR
from segmentation.features.words import JOINT
from segmentation.settings.logs import slug

QUARTERS = range(1, YEAR // QUARTER + 1)
#: days_since_last never exceeds it: two years ago or never
LONG_AGO = 731

#: the entry that looks back furthest, over HISTORY months
YEAR_OVER_YEAR = "year_over_year"

ADDED, LARGEST = "summed over tokens", "largest of the tokens"
UNION = "union of the tokens' days: a day on which two tokens were active counts once"
SUMS = "from the account's sums, not averaged over tokens"
COUNTED = "tokens counted"


def catalogue(categories: Sequence[str]) -> tuple[Feature, ...]:
    """All features in column order: each category's, the totals', the account's, the pairs'.

    Raises InputProblem when two categories, one of conf and one of a log, would give the same column names.
    """
    slugs = {category: slug(category) for category in categories}
    features = [_of(entry, category, slugs[category]) for category in categories for entry in PER_CATEGORY]
    features += [_of(entry, ALL, ALL) for entry in PER_CATEGORY if entry.name not in NOT_IN_TOTALS]
    features += [*PER_ACCOUNT, *_spread(categories)]
    features += [_pair(a, b, slugs) for a, b in combinations(categories, 2)]
    _require_distinct(features, slugs)
    return tuple(features)


def _require_distinct(features: Sequence[Feature], slugs: Mapping[str, str]) -> None:
    names = Counter(feature.name for feature in features)
    name, times = names.most_common(1)[0]
    if times > 1:
        among = [category for category, short in slugs.items() if short in name]
        raise InputProblem(
            f"categories {', '.join(map(repr, among))} give a column {name} more than once; rename one of them in "
            "categories.yml or in the source that brings it (stored rows keep theirs: take the spelling that they have)"
        )


def of_category(category: str, entry: str) -> Column:
    """An entry's value in one category, as seen from the account's row."""
    return F.col("by_category")[category][ENTRIES.index(entry)]


def _of(entry: Feature, category: str, prefix: str) -> Feature:
    meaning = entry.meaning.format(category="all categories" if category == ALL else category)
    return replace(entry, name=f"{prefix}_{entry.name}", meaning=meaning, category=category, entry=entry.name)


def _col(name: str) -> Callable[[], Column]:
    return lambda: F.col(name).cast("double")


def _count(name: str) -> Callable[[], Column]:
    return lambda: F.coalesce(F.col(name), F.lit(0)).cast("double")


def _ratio(part: str, whole: str) -> Callable[[], Column]:
    return lambda: E.ratio(F.col(part), F.col(whole))


def _months() -> list[Column]:
    """Monthly row counts, oldest first."""
    return [F.col(f"rows_m{age:02d}").cast("double") for age in range(YEAR, 0, -1)]


def _year_over_year() -> Column:
    return F.when(F.col("has_full_year") == 1, E.log_ratio(F.col("rows_year"), F.col("rows_previous_year")))


def _days_since_last() -> Column:
    never = F.lit(float(LONG_AGO))
    return F.coalesce(F.least("days_since_last", never), never)


# fmt: off
PER_CATEGORY: tuple[Feature, ...] = (
    Feature("rows_year", "Log rows of {category} in the last twelve months.",
            "rows counted", ADDED, _col("rows_year"), heavy_tailed=True),
    Feature("active_days_year", "Days (UTC) with any row of {category} in the last twelve months.",
            "days marked", UNION, _col("active_days_year")),
    Feature("distinct_names_year", "Different event names of {category} in the last twelve months.",
            "names marked; estimated beyond the name limit", "union of the tokens' names", _col("names_year")),
    Feature("duration_sum_year", "Seconds recorded for {category} in the last twelve months; 0 if none was recorded.",
            "durations summed", ADDED, _count("duration_sum"), heavy_tailed=True),
    Feature("duration_mean_year", "Mean seconds of those rows of {category} in the last twelve months that record any.",
            "durations summed and counted", SUMS, _ratio("duration_sum", "duration_count"), heavy_tailed=True),
    Feature("duration_max_year", "Seconds of the longest row of {category} in the last twelve months.",
            "longest duration", LARGEST, _col("duration_max"), heavy_tailed=True),
    Feature("value_sum_year", "Values recorded for {category} in the last twelve months, summed; 0 if none was.",
            "values summed", ADDED, _count("value_sum"), heavy_tailed=True),
    Feature("value_mean_year", "Mean value of those rows of {category} in the last twelve months that record one.",
            "values summed and counted", SUMS, _ratio("value_sum", "value_count"), heavy_tailed=True),
    Feature("value_max_year", "Largest value of a row of {category} in the last twelve months.",
            "largest value", LARGEST, _col("value_max"), heavy_tailed=True),
    Feature("error_rate_year",
            "Share of rows of {category} in the last twelve months that report an error; unknown counts as none.",
            "errors and rows counted", SUMS, _ratio("errors", "rows_year")),
    *(Feature(f"rows_q{q}", f"Log rows of {{category}} in quarter {q} before as_of; 1 is the latest three months.",
              "rows counted", ADDED, _col(f"rows_q{q}"), heavy_tailed=True) for q in QUARTERS),
    *(Feature(f"active_days_q{q}", f"Days (UTC) with any row of {{category}} in quarter {q} before as_of.",
              "days marked", UNION, _col(f"active_days_q{q}")) for q in QUARTERS),
    *(Feature(f"rows_m{m:02d}", f"Log rows of {{category}} in month {m} before as_of; 1 is the latest.",
              "rows counted", ADDED, _col(f"rows_m{m:02d}"), heavy_tailed=True) for m in range(1, YEAR + 1)),
    Feature("share_year", "Share of {category} among all rows of the account in the last twelve months.",
            "rows counted", SUMS, _ratio("rows_year", "account_rows_year")),
    Feature("trend_slope", "Growth of {category} per month: slope of log(1 + monthly rows) over the last twelve.",
            "rows counted per month", SUMS, lambda: E.slope([F.log1p(rows) for rows in _months()])),
    Feature(YEAR_OVER_YEAR, "log((1 + rows of {category} in the last twelve months) / "
            "(1 + rows in the twelve before)); missing if the first row of its tokens is no older than a year.",
            "rows counted per month", SUMS, _year_over_year),
    Feature("days_since_last", f"Days (UTC) from the last row of {{category}} to as_of, at most {LONG_AGO}; "
            f"{LONG_AGO} if there never was one.", "latest event", "latest of the tokens", _days_since_last),
    Feature("months_active", "How many of the last twelve months have any row of {category}.",
            "rows counted per month", SUMS,
            lambda: E.total([F.when(rows > 0, 1.0).otherwise(0.0) for rows in _months()])),
    Feature("active_token_share", "Share of the account's tokens with any row of {category} in the last twelve months.",
            "any row or none", COUNTED, _ratio("active_tokens", "tokens")),
    Feature("weekend_day_share", "Share of Saturdays and Sundays (UTC) among the year's active days of {category}.",
            "weekend days marked", UNION, _ratio("weekend_days", "active_days_year")),
    Feature("rows_per_active_day", "Log rows of {category} per active day in the last twelve months.",
            "rows counted, days marked", SUMS, _ratio("rows_year", "active_days_year"), heavy_tailed=True),
    Feature("quarter_change", "log((1 + rows of {category} in the latest quarter) / (1 + rows in the one before)).",
            "rows counted", SUMS, lambda: E.log_ratio(F.col("rows_q1"), F.col("rows_q2"))),
    Feature("monthly_variation", "Unevenness of {category} over twelve months: standard deviation / mean of the rows.",
            "rows counted per month", SUMS, lambda: E.variation(_months(), F.col("rows_year").cast("double"))),
)

ENTRIES = tuple(entry.name for entry in PER_CATEGORY)
_PERIOD = re.compile(r"_[mq]\d+$")
#: how features end that speak for one month or one quarter
_OF_PERIODS = tuple(f"_{name}" for name in ENTRIES if _PERIOD.search(name))
#: entries that say nothing about all categories together; the totals' names are declared below
NOT_IN_TOTALS = ("distinct_names_year", "share_year", "active_token_share", "weekend_day_share", "rows_per_active_day",
                 "quarter_change", "monthly_variation")

PER_ACCOUNT: tuple[Feature, ...] = (
    Feature("all_distinct_names_year", "Different event names of all categories in the last twelve months.",
            "names marked; estimated beyond the name limit", "union of the tokens' names, added over categories",
            _col("names_year")),
    Feature("tenure_days", "Days (UTC) from the first row ever of the account's tokens to as_of.",
            "first event", "earliest of the tokens", _col("tenure_days")),
    Feature("tokens", "Tokens of the account with any row before as_of.",
            "any row or none", COUNTED, _col("tokens"), heavy_tailed=True),
    Feature("tokens_active_year", "Tokens with any row in the last twelve months.",
            "any row or none", COUNTED, _col("tokens_active_year"), heavy_tailed=True),
    Feature("tokens_active_q1", "Tokens with any row in the last three months.",
            "any row or none", COUNTED, _col("tokens_active_q1"), heavy_tailed=True),
    Feature("tokens_new_year", "Tokens first seen in the last twelve months.",
            "first event", COUNTED, _col("tokens_new_year"), heavy_tailed=True),
    Feature("top_token_share", "Share of the busiest token among the account's rows of the last twelve months.",
            "rows counted", "largest / sum", _ratio("top_token_rows", "account_rows_year")),
    Feature("token_gini", "Gini coefficient of the tokens' rows in the last twelve months, idle tokens included.",
            "rows counted", "inequality over tokens", _col("token_gini")),
    Feature("products", "Different products in the last twelve months.", "products seen", "union", _count("products")),
    Feature("systems", "Different operating systems in the last twelve months.",
            "systems seen", "union", _count("systems")),
    Feature("dominant_product", "Product with most rows in the last twelve months; of equals the first by name.",
            "rows counted per product", ADDED, lambda: F.col("dominant_product"), fill="Other"),
    Feature("dominant_os", "Operating system with most rows in the last twelve months; of equals the first by name.",
            "rows counted per system", ADDED, lambda: F.col("dominant_os"), fill="Other"),
    Feature("dominant_product_share", "Share of that product among the year's rows that name a product.",
            "rows counted per product", SUMS, _ratio("dominant_product_rows", "product_rows")),
)
# fmt: on


def without_period(name: str) -> str:
    """What the features of several months or quarters have in common: the name of one of these without its ending.

    All others stay, such as a column of the accounts file that ends like a month: `area_m2`.
    """
    return _PERIOD.sub("", name) if name.endswith(_OF_PERIODS) else name


def _spread(categories: Sequence[str]) -> list[Feature]:
    def shares() -> list[Column]:
        return [of_category(category, "share_year") for category in categories]

    entropy = "Spread of the year's rows over the categories: Shannon entropy in nats, 0 for a single one."
    top = "Share of the most used category among the rows of the last twelve months."
    return [
        Feature("category_entropy", entropy, "rows counted", SUMS, lambda: E.entropy(shares())),
        Feature("top_category_share", top, "rows counted", SUMS, lambda: F.array_max(F.array(*shares()))),
    ]


def _pair(a: str, b: str, slugs: dict[str, str]) -> Feature:
    name = f"x_{slugs[a]}_{slugs[b]}"
    meaning = f"{JOINT}{a} and {b}: geometric mean of their shares of the year's rows."
    return Feature(
        name,
        meaning,
        "rows counted",
        SUMS,
        lambda: E.geometric_mean(of_category(a, "share_year"), of_category(b, "share_year")),
    )
