"""What was known of every account at an earlier date, and who fell silent from then on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from segmentation.basetable.build import build_basetable
from segmentation.basetable.imputation import prepare_activity
from segmentation.checkpoint import settled
from segmentation.errors import LackingData
from segmentation.features.accounts import account_features
from segmentation.features.catalogue import YEAR_OVER_YEAR
from segmentation.features.feature import Feature
from segmentation.features.months import HISTORY, YEAR, check_as_of, month_index, months_before
from segmentation.features.tokens import main_accounts, token_features
from segmentation.settings import BasetableSettings, OutlookSettings
from segmentation.shown import counted

#: column of a snapshot: no log row in the months from its as_of on
CHURNED = "churned"


def check_history(first: dt.date, as_of: dt.date, settings: OutlookSettings) -> None:
    """Raises LackingData when the logs before as_of are too short to learn on one period and to test on a later one.

    `first` is the first month of the cube, but for few rows of a wrong clock. The model learns from what was known two
    horizons ago, which takes as many months of usage again as make an account an active one.
    """
    have = month_index(as_of) - month_index(first)
    need = 2 * settings.horizon_months + settings.active_months
    if have < need:
        raise LackingData(
            f"churn needs {need} months of logs before {as_of} (two horizons of {settings.horizon_months} and "
            f"{settings.active_months} to learn from), and there are {max(have, 0)}, from {first} on: "
            "set outlook.horizon_months and outlook.active_months lower, or wait"
        )


def measured_then(
    features: Sequence[Feature], first: dt.date, earliest: dt.date
) -> tuple[tuple[Feature, ...], str | None]:
    """The features that mean at `earliest`, from which on is learned, what they mean today; and what does not quite.

    Growth over two years is none of them where the logs, of which `first` is the first month, do not hold both.
    """
    held = month_index(earliest) - month_index(first)
    kept = tuple(one for one in features if held >= HISTORY or one.entry != YEAR_OVER_YEAR)
    if held >= YEAR:
        return kept, None
    return kept, (
        f"the logs hold {counted(held, 'month')} before {earliest}, the first date that is learned from: features of a "
        "year count fewer months there than today, so that steady accounts seem to have grown since"
    )


def snapshot(
    activity: DataFrame,
    tokens: DataFrame,
    as_of: dt.date,
    horizon: int,
    categories: Sequence[str],
    masks: tuple[int, bool],
    settings: BasetableSettings,
) -> DataFrame:
    """One row per account with any row before as_of: the basetable as it would have been then, and `churned`.

    Features come from the cube's months before as_of by the same stages as the stored basetable; only `churned`
    looks at the `horizon` months from as_of on. `masks` is what `mask_words` gave. There are no labels, so the
    columns industry, split and fold mean nothing here.
    """
    words, sketch = masks
    cube = prepare_activity(activity, check_as_of(as_of), settings.imputation)
    # joined by several steps: cut the plan here instead of computing it in each of them
    owners = settled(main_accounts(cube, tokens, as_of))
    of_tokens = token_features(cube, owners, as_of, words, sketch)
    # read for the folds and for the table: without the cut the cube would be scanned once more
    wide = settled(account_features(of_tokens, cube, owners, as_of, categories))
    nobody = owners.select("account_id", F.lit(None).cast("string").alias("industry")).limit(0)
    table = build_basetable(wide, cube, owners, nobody, as_of, "industry", categories, settings).frame
    later = seen_from(activity, tokens, owners, as_of, horizon).withColumn(CHURNED, F.lit(False))
    # of account ids alone, as the folds are: hundreds of columns need no shuffle for it
    return table.join(F.broadcast(later), on="account_id", how="left").withColumn(
        CHURNED, F.coalesce(CHURNED, F.lit(True))
    )


def seen_from(
    activity: DataFrame, tokens: DataFrame, accounts_of_tokens: DataFrame, as_of: dt.date, months: int
) -> DataFrame:
    """One row per account (account_id) with a log row in the `months` from as_of on.

    An account is seen by any token that was its own before as_of, whoever uses it now, and by any row under its own
    id: a token bought later shows as well that it has not left.
    """
    until = months_before(as_of, -months)
    period = (F.col("event_month") >= F.lit(as_of)) & (F.col("event_month") < F.lit(until))
    used = activity.where(period).select("token_key", "account_key").distinct()
    by_token = used.join(accounts_of_tokens.select("token_key", "account_id"), on="token_key", how="inner")
    known = tokens.select("token_key", F.explode("accounts").alias("account"))
    ids = known.select("token_key", "account.account_key", "account.account_id")
    by_account = used.join(ids, on=["token_key", "account_key"], how="inner")
    return by_token.select("account_id").unionByName(by_account.select("account_id")).distinct()
