"""The account features as a user of DuckDB would write them: one SQL script from log rows to 396 columns.

Nothing of `segmentation.features` is used, so that equal results also say that both are right. The logs are Parquet:
either strings in order of time, as they come, or the data files of our own table `events`.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Mapping, Sequence
from itertools import combinations

import duckdb

CATEGORIES = ("Application", "Document", "System", "Licensing", "Event", "Preflight Report",
              "Preflight Report Items", "Others")  # fmt: skip
#: how the two kinds of logs name what the script asks for
RAW = {"token": "token", "account": "account_id", "name": "event_name", "day": "event_ts::date",
       "month": "date_trunc('month', event_ts)", "where": "true"}  # fmt: skip
EVENTS = {"token": "token_key", "account": "account_key", "name": "event_key", "day": "event_date",
          "month": "event_month", "where": "rule IS NULL"}  # fmt: skip


def run(files: Sequence[str], logs: Mapping[str, str], as_of: dt.date, out: str, threads: int, memory: str) -> float:
    """Write one row per account to `out` (Parquet) and return the seconds it took, the connection's opening left out.

    `logs` is RAW or EVENTS. Of EVENTS the account is its key: `out` then holds `account_key` instead of `account_id`.
    """
    connection = duckdb.connect(config={"threads": threads, "memory_limit": memory})
    connection.execute("SET TimeZone = 'UTC'")
    began = time.perf_counter()
    for statement in _script(files, logs, as_of, out):
        connection.execute(statement)
    return time.perf_counter() - began


def scan(files: Sequence[str], logs: Mapping[str, str], threads: int, memory: str) -> float:
    """Seconds of reading the columns that the script needs, and of nothing else: the floor under it."""
    connection = duckdb.connect(config={"threads": threads, "memory_limit": memory})
    columns = ["event_ts", "category", "duration_s", "value", "is_error", "product", "os"]
    columns += [logs["token"], logs["account"], logs["name"], *(["event_date"] if logs is EVENTS else [])]
    began = time.perf_counter()
    read = ", ".join(f"max({name})" for name in columns)
    connection.execute(f"SELECT {read} FROM read_parquet({list(files)}) WHERE {logs['where']}").fetchall()
    return time.perf_counter() - began


def _script(files: Sequence[str], logs: Mapping[str, str], as_of: dt.date, out: str) -> list[str]:
    source = f"read_parquet({list(files)}, hive_partitioning = true)"
    return [
        _names(source, logs),
        _cube(source, logs, as_of),
        _OWNERS,
        _PROFILES.format(as_of=as_of, year=as_of.replace(year=as_of.year - 1)),
        _measures(as_of),
        _PRODUCTS,
        f"COPY ({_wide()}) TO '{out}' (FORMAT parquet)",
    ]


def _names(source: str, logs: Mapping[str, str]) -> str:
    """A number for each name within its category, so that the cube can collect names as bits."""
    return f"""CREATE TEMP TABLE names AS
        SELECT category, name, row_number() OVER (PARTITION BY category ORDER BY name) - 1 AS bit
        FROM (SELECT DISTINCT category, {logs["name"]} AS name FROM {source} WHERE {logs["where"]})"""


def _cube(source: str, logs: Mapping[str, str], as_of: dt.date) -> str:
    return f"""CREATE TEMP TABLE cube AS
        SELECT {logs["token"]} AS token, {logs["account"]} AS account, category,
          datediff('month', {logs["month"]}, DATE '{as_of}') AS age, product, os,
          count(*) AS rows, count(duration_s) AS durations, sum(duration_s) AS duration, max(duration_s) AS longest,
          count("value") AS "values", sum("value") AS "value", max("value") AS largest,
          count(*) FILTER (is_error) AS errors, bit_or(1 << (day({logs["day"]}) - 1)::integer) AS days,
          bit_or(1::hugeint << bit::hugeint) AS names, min(event_ts) AS first_ts, max(event_ts) AS last_ts
        FROM (SELECT *, {logs["name"]} AS name FROM {source} WHERE {logs["where"]} AND event_ts < TIMESTAMP '{as_of}')
        JOIN names USING (category, name)
        GROUP BY ALL"""


# with all its rows a token belongs to the account with most of them, then the latest, then the smallest id
_OWNERS = """CREATE TEMP TABLE owners AS
    SELECT token, first(account ORDER BY rows DESC, last_ts DESC, account) AS account, sum(year) AS year,
      sum(quarter) AS quarter, min(first_ts) AS first_ts
    FROM (SELECT token, account, sum(rows) AS rows, max(last_ts) AS last_ts, min(first_ts) AS first_ts,
            coalesce(sum(rows) FILTER (age <= 12), 0) AS year, coalesce(sum(rows) FILTER (age <= 3), 0) AS quarter
          FROM cube GROUP BY ALL)
    GROUP BY token"""

_PROFILES = """CREATE TEMP TABLE profiles AS
    WITH aged AS (
      SELECT *, ceil(epoch_us(TIMESTAMP '{as_of}' - first_ts) / 86400000000.0) AS old,
        row_number() OVER (PARTITION BY account ORDER BY year) AS place
      FROM owners)
    SELECT account, count(*) AS tokens, count(*) FILTER (year > 0) AS active, count(*) FILTER (quarter > 0) AS recent,
      count(*) FILTER (old <= DATE '{as_of}' - DATE '{year}') AS new, sum(year)::double AS year, max(year) AS top,
      max(old) AS tenure, max(old) > DATE '{as_of}' - DATE '{year}' AS full_year,
      2 * sum(place * year) / nullif(count(*) * sum(year), 0) - (count(*) + 1) / count(*) AS gini
    FROM aged GROUP BY account"""

_PRODUCTS = """CREATE TEMP TABLE products AS
    WITH used AS (
      SELECT owners.account, product, os, sum(rows) AS rows
      FROM cube JOIN owners USING (token) WHERE age <= 12 GROUP BY ALL),
    p AS (SELECT account, product AS name, sum(rows) AS rows FROM used WHERE product IS NOT NULL GROUP BY ALL),
    o AS (SELECT account, os AS name, sum(rows) AS rows FROM used WHERE os IS NOT NULL GROUP BY ALL)
    SELECT * FROM (
      SELECT account, count(*) AS products, first(name ORDER BY rows DESC, name) AS dominant_product,
        max(rows) / sum(rows) AS dominant_product_share FROM p GROUP BY account)
    FULL JOIN (
      SELECT account, count(*) AS systems, first(name ORDER BY rows DESC, name) AS dominant_os FROM o GROUP BY account)
    USING (account)"""


def _measures(as_of: dt.date) -> str:
    """One row per account and category, and one of all categories (`all`), whether used or not."""
    months = [f"coalesce(sum(rows) FILTER (age = {age}), 0)::double AS m{age:02d}" for age in range(1, 25)]
    days = [f"coalesce(bit_or(days) FILTER (age = {age}), 0) AS d{age:02d}" for age in range(1, 13)]
    weekends = " + ".join(f"bit_count(d{age:02d} & {_weekend(as_of, age)})::integer" for age in range(1, 13))
    categories = ", ".join(f"'{category}'" for category in (*CATEGORIES, "all"))
    return f"""CREATE TEMP TABLE measures AS
        WITH used AS (
          SELECT owners.account, coalesce(category, 'all') AS category, {", ".join((*months, *days))},
            sum(durations) FILTER (age <= 12) AS durations, sum(duration) FILTER (age <= 12) AS duration,
            max(longest) FILTER (age <= 12) AS longest, sum("values") FILTER (age <= 12) AS "values",
            sum("value") FILTER (age <= 12) AS "value", max(largest) FILTER (age <= 12) AS largest,
            sum(errors) FILTER (age <= 12) AS errors, bit_or(names) FILTER (age <= 12) AS names,
            count(DISTINCT token) FILTER (age <= 12) AS tokens_used, max(cube.last_ts) AS last_ts
          FROM cube JOIN owners USING (token)
          GROUP BY GROUPING SETS ((owners.account, category), (owners.account))),
        every AS (SELECT * FROM profiles, (SELECT unnest([{categories}]) AS category)),
        whole AS (
          SELECT every.*, {", ".join(f"coalesce(m{age:02d}, 0) AS m{age:02d}" for age in range(1, 25))},
            {", ".join(f"coalesce(d{age:02d}, 0) AS d{age:02d}" for age in range(1, 13))},
            used.* EXCLUDE (account, category, {", ".join(f"m{age:02d}" for age in range(1, 25))},
                            {", ".join(f"d{age:02d}" for age in range(1, 13))})
          FROM every LEFT JOIN used USING (account, category))
        SELECT *, {_sum("m", 1, 12)} AS rows_year, {_sum("m", 13, 24)} AS before_year,
          {", ".join(f"{_sum('m', 3 * q - 2, 3 * q)} AS rows_q{q}" for q in range(1, 5))},
          {_bits(1, 12)} AS days_year, {", ".join(f"{_bits(3 * q - 2, 3 * q)} AS days_q{q}" for q in range(1, 5))},
          {weekends} AS weekend, ceil(epoch_us(TIMESTAMP '{as_of}' - last_ts) / 86400000000.0) AS idle
        FROM whole"""


def _sum(prefix: str, first: int, last: int) -> str:
    return "(" + " + ".join(f"{prefix}{age:02d}" for age in range(first, last + 1)) + ")"


def _bits(first: int, last: int) -> str:
    return "(" + " + ".join(f"bit_count(d{age:02d})::integer" for age in range(first, last + 1)) + ")"


def _weekend(as_of: dt.date, age: int) -> int:
    index = as_of.year * 12 + as_of.month - 1 - age
    first = dt.date(index // 12, index % 12 + 1, 1)
    days = (first + dt.timedelta(days) for days in range(31))
    return sum(1 << (day.day - 1) for day in days if day.month == first.month and day.weekday() >= 5)  # noqa: PLR2004


def _entries() -> dict[str, str]:
    months = [f"m{age:02d}" for age in range(12, 0, -1)]
    slope = " + ".join(f"ln(1 + {m}) * {(t - 5.5) / 143.0}" for t, m in enumerate(months))
    squares = " + ".join(f"({m} - rows_year / 12) * ({m} - rows_year / 12)" for m in months)
    return {
        "rows_year": "rows_year",
        "active_days_year": "days_year",
        "distinct_names_year": "coalesce(bit_count(names), 0)",
        "duration_sum_year": "coalesce(duration, 0)",
        "duration_mean_year": "duration / nullif(durations, 0)",
        "duration_max_year": "longest",
        "value_sum_year": 'coalesce("value", 0)',
        "value_mean_year": '"value" / nullif("values", 0)',
        "value_max_year": "largest",
        "error_rate_year": "coalesce(errors, 0) / nullif(rows_year, 0)",
        **{f"rows_q{q}": f"rows_q{q}" for q in range(1, 5)},
        **{f"active_days_q{q}": f"days_q{q}" for q in range(1, 5)},
        **{f"rows_m{age:02d}": f"m{age:02d}" for age in range(1, 13)},
        "share_year": "rows_year / nullif(year, 0)",
        "trend_slope": slope,
        "year_over_year": "CASE WHEN full_year THEN ln(1 + rows_year) - ln(1 + before_year) END",
        "days_since_last": "coalesce(least(idle, 731), 731)",
        "months_active": " + ".join(f"(m{age:02d} > 0)::integer" for age in range(1, 13)),
        "active_token_share": "coalesce(tokens_used, 0) / tokens",
        "weekend_day_share": "weekend / nullif(days_year, 0)",
        "rows_per_active_day": "rows_year / nullif(days_year, 0)",
        "quarter_change": "ln(1 + rows_q1) - ln(1 + rows_q2)",
        "monthly_variation": f"sqrt(({squares}) / 12) / nullif(rows_year / 12, 0)",
    }


_NOT_IN_TOTALS = ("distinct_names_year", "share_year", "active_token_share", "weekend_day_share",
                  "rows_per_active_day", "quarter_change", "monthly_variation")  # fmt: skip


def _wide() -> str:
    """One row per account: the entries of each category joined side by side, then what lies across them.

    `measures` has a row for every account and category, used or not, so that no join loses or repeats an account.
    Entries are computed once for all: one conditional aggregate for each column would take most of the whole script.
    """
    entries = _entries()
    columns = ", ".join(f"({sql})::double AS {name}" for name, sql in entries.items())
    sides = []
    for category in (*CATEGORIES, "all"):
        kinds = [name for name in entries if category != "all" or name not in _NOT_IN_TOTALS]
        picked = ", ".join(f"{name} AS {_slug(category)}_{name}" for name in kinds)
        sides.append(f"(SELECT account, {picked} FROM entries WHERE category = '{category}')")
    shares = [f"{_slug(category)}_share_year" for category in CATEGORIES]
    entropy = " + ".join(f"CASE WHEN {s} > 0 THEN -{s} * ln({s}) ELSE {s} END" for s in shares)
    pairs = [
        f"sqrt({_slug(a)}_share_year * {_slug(b)}_share_year) AS x_{_slug(a)}_{_slug(b)}"
        for a, b in combinations(CATEGORIES, 2)
    ]
    names = " + ".join(f"{_slug(category)}_distinct_names_year" for category in CATEGORIES)
    return f"""WITH entries AS MATERIALIZED (SELECT account, category, {columns} FROM measures),
        wide AS (SELECT * FROM {" JOIN ".join((sides[0], *(f"{side} USING (account)" for side in sides[1:])))})
        SELECT wide.*, {names} AS all_distinct_names_year, tenure AS tenure_days, profiles.tokens AS tokens,
          active AS tokens_active_year, recent AS tokens_active_q1, new AS tokens_new_year,
          top / nullif(year, 0) AS top_token_share, gini AS token_gini, coalesce(products, 0) AS products,
          coalesce(systems, 0) AS systems, dominant_product, dominant_os, dominant_product_share,
          {entropy} AS category_entropy, greatest({", ".join(shares)}) AS top_category_share, {", ".join(pairs)}
        FROM wide JOIN profiles USING (account) LEFT JOIN products USING (account)"""


def _slug(category: str) -> str:
    return category.lower().replace(" ", "_")
