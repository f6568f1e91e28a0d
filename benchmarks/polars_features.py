"""The account features as a user of Polars would write them: lazy frames from log rows to 396 columns."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Sequence
from itertools import combinations

import polars as pl

from benchmarks.duckdb_features import CATEGORIES

YEAR, QUARTER = 12, 3  # months
_NOT_IN_TOTALS = {"distinct_names_year", "share_year", "active_token_share", "weekend_day_share",
                  "rows_per_active_day", "quarter_change", "monthly_variation"}  # fmt: skip


def run(files: Sequence[str], as_of: dt.date, out: str) -> float:
    """Write one row per account to `out` (Parquet) and return the seconds it took.

    The logs are strings in order of time, as they come.
    """
    began = time.perf_counter()
    cube = _cube(files, as_of)
    owners = _owners(cube)
    profiles = _profiles(owners, as_of)
    cube = cube.join(owners.select("token", owner="account"), on="token")
    measures = _measures(cube, profiles, as_of)
    _wide(measures, profiles, _products(cube)).write_parquet(out)
    return time.perf_counter() - began


def _cube(files: Sequence[str], as_of: dt.date) -> pl.DataFrame:
    """One row per token, account, category, month, product and system; names as one list of distinct ones."""
    ts = pl.col("event_ts")
    age = (as_of.year * 12 + as_of.month) - (ts.dt.year().cast(pl.Int32) * 12 + ts.dt.month())
    return (
        pl.scan_parquet(list(files))
        .filter(ts < pl.lit(dt.datetime.combine(as_of, dt.time())))
        .with_columns(age=age, day=pl.lit(1, pl.Int64) * pl.lit(2, pl.Int64).pow(ts.dt.day().cast(pl.Int64) - 1))
        .group_by("token", "account_id", "category", "age", "product", "os")
        .agg(
            rows=pl.len().cast(pl.Int64),
            durations=pl.col("duration_s").count().cast(pl.Int64),
            duration=pl.col("duration_s").sum(),
            longest=pl.col("duration_s").max(),
            values=pl.col("value").count().cast(pl.Int64),
            value=pl.col("value").sum(),
            largest=pl.col("value").max(),
            errors=pl.col("is_error").sum().cast(pl.Int64),
            days=pl.col("day").bitwise_or(),
            names=pl.col("event_name").unique(),
            first_ts=ts.min(),
            last_ts=ts.max(),
        )
        .collect(engine="streaming")
    )


def _owners(cube: pl.DataFrame) -> pl.DataFrame:
    """Whose each token is: of its accounts the one with most rows, then the latest, then the smallest id."""
    rows = pl.col("rows")
    used = cube.group_by("token", "account_id").agg(
        rows=rows.sum(),
        year=rows.filter(pl.col("age") <= YEAR).sum(),
        quarter=rows.filter(pl.col("age") <= QUARTER).sum(),
        first_ts=pl.col("first_ts").min(),
        last_ts=pl.col("last_ts").max(),
    )
    ordered = used.sort(["token", "rows", "last_ts", "account_id"], descending=[False, True, True, False])
    return ordered.group_by("token", maintain_order=True).agg(
        account=pl.col("account_id").first(),
        year=pl.col("year").sum(),
        quarter=pl.col("quarter").sum(),
        first_ts=pl.col("first_ts").min(),
    )


def _profiles(owners: pl.DataFrame, as_of: dt.date) -> pl.DataFrame:
    days = (as_of - as_of.replace(year=as_of.year - 1)).days
    year, count = pl.col("year"), pl.len()
    aged = owners.with_columns(old=_days_until(as_of, pl.col("first_ts"))).sort("account", "year")
    place = pl.int_range(1, count + 1)
    gini = 2 * (place * year).sum() / (count * year.sum()) - (count + 1) / count
    return aged.group_by("account", maintain_order=True).agg(
        tokens=count,
        active=(year > 0).sum(),
        recent=(pl.col("quarter") > 0).sum(),
        new=(pl.col("old") <= days).sum(),
        account_year=year.sum().cast(pl.Float64),
        top=year.max(),
        tenure=pl.col("old").max(),
        full_year=pl.col("old").max() > days,
        gini=pl.when(year.sum() > 0).then(gini),
    )


def _days_until(as_of: dt.date, moment: pl.Expr) -> pl.Expr:
    midnight = pl.lit(dt.datetime.combine(as_of, dt.time()))
    return ((midnight - moment).dt.total_microseconds() / 86_400_000_000.0).ceil()


def _products(cube: pl.DataFrame) -> pl.DataFrame:
    year = cube.filter(pl.col("age") <= YEAR)

    def of(column: str, several: str) -> pl.DataFrame:
        named = year.filter(pl.col(column).is_not_null()).group_by("owner", column).agg(rows=pl.col("rows").sum())
        return (
            named.sort(["owner", "rows", column], descending=[False, True, False])
            .group_by("owner", maintain_order=True)
            .agg(
                pl.len().alias(several),
                pl.col(column).first().alias(f"dominant_{column}"),
                (pl.col("rows").max() / pl.col("rows").sum()).alias(f"dominant_{column}_share"),
            )
        )

    return of("product", "products").join(of("os", "systems"), on="owner", how="full", coalesce=True)


def _measures(cube: pl.DataFrame, profiles: pl.DataFrame, as_of: dt.date) -> pl.DataFrame:
    """One row per account and category, and one of all categories (`all`), whether used or not."""
    both = pl.concat([cube, cube.with_columns(category=pl.lit("all"))])
    age, year = pl.col("age"), pl.col("age") <= YEAR
    used = both.group_by("owner", "category").agg(
        *(pl.col("rows").filter(age == a).sum().cast(pl.Float64).alias(f"m{a:02d}") for a in range(1, 25)),
        *(pl.col("days").filter(age == a).bitwise_or().fill_null(0).alias(f"d{a:02d}") for a in range(1, 13)),
        durations=pl.col("durations").filter(year).sum(),
        duration=pl.col("duration").filter(year).sum(),
        longest=pl.col("longest").filter(year).max(),
        values=pl.col("values").filter(year).sum(),
        value=pl.col("value").filter(year).sum(),
        largest=pl.col("largest").filter(year).max(),
        errors=pl.col("errors").filter(year).sum(),
        names=pl.col("names").filter(year).explode().n_unique(),
        tokens_used=pl.col("token").filter(year).n_unique(),
        last_ts=pl.col("last_ts").max(),
    )
    every = profiles.join(pl.DataFrame({"category": [*CATEGORIES, "all"]}), how="cross")
    counted = [f"m{a:02d}" for a in range(1, 25)] + [f"d{a:02d}" for a in range(1, 13)]
    counted += ["durations", "duration", "values", "value", "errors", "names", "tokens_used"]
    whole = every.join(used, left_on=["account", "category"], right_on=["owner", "category"], how="left")
    whole = whole.with_columns(pl.col(name).fill_null(0) for name in counted)
    weekend = pl.sum_horizontal(
        pl.col(f"d{a:02d}").and_(pl.lit(_weekend(as_of, a), pl.Int64)).bitwise_count_ones().cast(pl.Int64)
        for a in range(1, 13)
    )
    return whole.with_columns(
        rows_year=_rows(1, 12),
        before_year=_rows(13, 24),
        **{f"rows_q{q}": _rows(3 * q - 2, 3 * q) for q in range(1, 5)},
        days_year=_bits(1, 12),
        **{f"days_q{q}": _bits(3 * q - 2, 3 * q) for q in range(1, 5)},
        weekend=weekend,
        idle=_days_until(as_of, pl.col("last_ts")),
    )


def _rows(first: int, last: int) -> pl.Expr:
    return pl.sum_horizontal(f"m{a:02d}" for a in range(first, last + 1))


def _bits(first: int, last: int) -> pl.Expr:
    counts = (pl.col(f"d{a:02d}").bitwise_count_ones().cast(pl.Int64) for a in range(first, last + 1))
    return pl.sum_horizontal(counts)


def _weekend(as_of: dt.date, age: int) -> int:
    index = as_of.year * 12 + as_of.month - 1 - age
    first = dt.date(index // 12, index % 12 + 1, 1)
    days = (first + dt.timedelta(days) for days in range(31))
    return sum(1 << (day.day - 1) for day in days if day.month == first.month and day.weekday() >= 5)  # noqa: PLR2004


def _ratio(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
    return pl.when(whole != 0).then(part / whole)


def _entries() -> dict[str, pl.Expr]:
    c = pl.col
    months = [c(f"m{a:02d}") for a in range(12, 0, -1)]
    mean = c("rows_year") / 12
    squares = pl.sum_horizontal((m - mean) * (m - mean) for m in months)
    return {
        "rows_year": c("rows_year"),
        "active_days_year": c("days_year"),
        "distinct_names_year": c("names"),
        "duration_sum_year": c("duration"),
        "duration_mean_year": _ratio(c("duration"), c("durations")),
        "duration_max_year": c("longest"),
        "value_sum_year": c("value"),
        "value_mean_year": _ratio(c("value"), c("values")),
        "value_max_year": c("largest"),
        "error_rate_year": _ratio(c("errors"), c("rows_year")),
        **{f"rows_q{q}": c(f"rows_q{q}") for q in range(1, 5)},
        **{f"active_days_q{q}": c(f"days_q{q}") for q in range(1, 5)},
        **{f"rows_m{a:02d}": c(f"m{a:02d}") for a in range(1, 13)},
        "share_year": _ratio(c("rows_year"), c("account_year")),
        "trend_slope": pl.sum_horizontal(m.log1p() * ((t - 5.5) / 143.0) for t, m in enumerate(months)),
        "year_over_year": pl.when(c("full_year")).then(c("rows_year").log1p() - c("before_year").log1p()),
        "days_since_last": pl.min_horizontal(c("idle"), pl.lit(731.0)).fill_null(731.0),
        "months_active": pl.sum_horizontal((m > 0).cast(pl.Int64) for m in months),
        "active_token_share": c("tokens_used") / c("tokens"),
        "weekend_day_share": _ratio(c("weekend"), c("days_year")),
        "rows_per_active_day": _ratio(c("rows_year"), c("days_year")),
        "quarter_change": c("rows_q1").log1p() - c("rows_q2").log1p(),
        "monthly_variation": _ratio((squares / 12).sqrt(), mean),
    }


def _wide(measures: pl.DataFrame, profiles: pl.DataFrame, products: pl.DataFrame) -> pl.DataFrame:
    """One row per account: a frame per category with its columns renamed, then what lies across them."""
    wide = profiles
    for category in (*CATEGORIES, "all"):
        named = {
            f"{_slug(category)}_{name}": value.cast(pl.Float64)
            for name, value in _entries().items()
            if category != "all" or name not in _NOT_IN_TOTALS
        }
        wide = wide.join(measures.filter(pl.col("category") == category).select("account", **named), on="account")
    wide = wide.join(products, left_on="account", right_on="owner", how="left")
    shares = [pl.col(f"{_slug(category)}_share_year") for category in CATEGORIES]
    entropy = sum((pl.when(s > 0).then(-s * s.log()).otherwise(s) for s in shares), start=pl.lit(0.0))
    pairs = {
        f"x_{_slug(a)}_{_slug(b)}": (pl.col(f"{_slug(a)}_share_year") * pl.col(f"{_slug(b)}_share_year")).sqrt()
        for a, b in combinations(CATEGORIES, 2)
    }
    across = {
        "all_distinct_names_year": pl.sum_horizontal(f"{_slug(c)}_distinct_names_year" for c in CATEGORIES),
        "tenure_days": pl.col("tenure"),
        "tokens_active_year": pl.col("active"),
        "tokens_active_q1": pl.col("recent"),
        "tokens_new_year": pl.col("new"),
        "top_token_share": _ratio(pl.col("top"), pl.col("account_year")),
        "token_gini": pl.col("gini"),
        "products": pl.col("products").fill_null(0),
        "systems": pl.col("systems").fill_null(0),
        "dominant_product_share": pl.col("dominant_product_share"),
        "category_entropy": entropy,
        "top_category_share": pl.max_horizontal(*shares),
        **pairs,
    }
    entries = [name for name in wide.columns if name.startswith(tuple(f"{_slug(c)}_" for c in (*CATEGORIES, "all")))]
    return wide.select("account", *entries, "tokens", "dominant_product", "dominant_os", **across)


def _slug(category: str) -> str:
    return category.lower().replace(" ", "_")
