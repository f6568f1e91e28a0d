"""From basetable columns to the vector that a model sees.

Two parts. The static one (log1p, cast, assemble) learns nothing from the data, so it is done once. The
fitted one (encoding, dropping constant columns, scaling) learns from the rows it is given, so it belongs inside
the folds. The model that is kept chains both: raw basetable columns in, prediction out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pyspark.ml import Estimator, Pipeline, PipelineModel, Transformer
from pyspark.ml.feature import (
    OneHotEncoder,
    RobustScaler,
    SQLTransformer,
    StandardScaler,
    StringIndexer,
    StringIndexerModel,
    VarianceThresholdSelector,
    VarianceThresholdSelectorModel,
    VectorAssembler,
)
from pyspark.ml.functions import vector_to_array
from pyspark.ml.stat import Summarizer
from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F
from pyspark.sql import types as T

from segmentation.checkpoint import settled
from segmentation.column_names import quoted
from segmentation.errors import InputProblem
from segmentation.features.feature import Feature
from segmentation.shown import listed

#: the numeric features as one vector; a column between the static and the fitted part
NUMBERS = "numbers_vector"
#: numbers and encoded categories, before and after constant ones are dropped, and standardised
ASSEMBLED, SELECTED, SCALED = "assembled_vector", "selected_vector", "scaled_vector"
#: a feature whose variance (after log1p) is not above this is constant but for rounding, which scaling would magnify;
#: far below that of small rates, of which .0005 and .0015 may tell industries apart
NEAR_CONSTANT = 1e-12
#: a feature is zero-inflated when it is zero for more than this share of the accounts, but not for all
ZERO_INFLATED = 0.5


@dataclass(frozen=True)
class Prepared:
    """A basetable ready for fitting."""

    #: one row per account, one partition, ordered by account_id, computed once: NUMBERS, categories, kept columns
    frame: DataFrame
    #: what turned raw columns into NUMBERS; unlike in `frame`, a missing value is an error here
    static: tuple[Transformer, ...]
    #: names of the numeric features, in the order of NUMBERS
    numeric: tuple[str, ...]
    #: names of the categorical features
    categorical: tuple[str, ...]
    #: rows in `frame`
    accounts: int
    #: zero-inflated features with a further 0/1 place in NUMBERS, behind the numeric ones
    flagged: tuple[str, ...] = ()


def prepare(
    basetable: DataFrame,
    features: Sequence[Feature],
    keep: dict[str, Column],
    log1p: bool = True,
    zero_flags: bool = False,
) -> Prepared:
    """The static part, done once: one row per account with its vector, `keep` (name -> column), account_id and as_of.

    KMeans, GMM and even a sum of doubles depend on the order and the partitioning of rows, hence one ordered
    partition. Raises InputProblem for features that the basetable lacks, for missing or infinite values (a logistic
    regression would answer 0.0 for NaN without a word), for several as_of at once, for no rows, and when no number
    varies. With `zero_flags`, features that are zero for most accounts say in a further place whether they are.
    """
    numeric, categorical = _split_by_kind(basetable, features)
    heavy = [feature.name for feature in features if log1p and feature.heavy_tailed and not feature.is_categorical]
    flagged = _zero_inflated(basetable, numeric) if zero_flags else []
    logs = SQLTransformer(statement=_log_statement(heavy, flagged))
    names = [_log_name(name) if name in heavy else name for name in numeric] + [_flag_name(name) for name in flagged]
    assembler = VectorAssembler(inputCols=names, outputCol=NUMBERS, handleInvalid="error")
    # Missing values pass here and are named below; the assembler itself would only say that there is one.
    lenient = assembler.copy({assembler.handleInvalid: "keep"})
    needed = ["as_of", "account_id", *numeric, *categorical]
    narrow = basetable.select(*map(quoted, needed), *[column.alias(f"kept_{name}") for name, column in keep.items()])
    kept = [F.col(f"kept_{name}").alias(name) for name in keep]
    # The attributes of 400 columns would travel with every later plan; assembling only needs to know how many.
    sized = F.col(NUMBERS).alias(NUMBERS, metadata={"ml_attr": {"num_attrs": len(names)}})
    # Cut off as well is the plan behind them, which every action of every fit would otherwise analyse again.
    frame = settled(
        lenient.transform(logs.transform(narrow))
        .select("as_of", "account_id", *map(quoted, categorical), sized, *kept)
        .coalesce(1)
        .sortWithinPartitions("account_id")
    )
    accounts = _checked(frame, numeric)
    return Prepared(frame, (logs, assembler), tuple(numeric), tuple(categorical), accounts, tuple(flagged))


def fitted_stages(
    categorical: Sequence[str], scaling: Literal["standard", "robust"] = "standard", centred: bool = True
) -> list[Estimator[Any] | Transformer]:
    """The part that must see training rows only: encode categories, drop constant columns, standardise.

    A category unseen in training becomes all zeros: the indexer puts it last, and the encoder drops the last.
    Robust scaling takes the median and the interquartile range instead of mean and standard deviation; Spark turns
    a feature whose middle half is one and the same value into zeros.
    """
    stages: list[Estimator[Any] | Transformer] = []
    if categorical:
        indexed = [f"{name}_index" for name in categorical]
        encoded = [f"{name}_encoded" for name in categorical]
        stages.append(StringIndexer(inputCols=list(categorical), outputCols=indexed, handleInvalid="keep"))
        stages.append(OneHotEncoder(inputCols=indexed, outputCols=encoded, dropLast=True))
        stages.append(VectorAssembler(inputCols=[NUMBERS, *encoded], outputCol=ASSEMBLED))
    selector = VarianceThresholdSelector(
        featuresCol=ASSEMBLED if categorical else NUMBERS, outputCol=SELECTED, varianceThreshold=NEAR_CONSTANT
    )
    scaler: Estimator[Any] = StandardScaler(inputCol=SELECTED, outputCol=SCALED, withMean=centred, withStd=True)
    if scaling == "robust":
        scaler = RobustScaler(inputCol=SELECTED, outputCol=SCALED, withCentering=centred, withScaling=True)
    return [*stages, selector, scaler]


def fit_preparation(
    prepared: Prepared, scaling: Literal["standard", "robust"] = "standard", centred: bool = True
) -> PipelineModel:
    """The fitted part on all accounts, for models without folds."""
    return Pipeline(stages=fitted_stages(prepared.categorical, scaling, centred)).fit(prepared.frame)


def whole_model(prepared: Prepared, fitted: Sequence[Transformer]) -> PipelineModel:
    """One model from raw basetable columns to prediction, made of Spark's own stages so that it loads anywhere."""
    return PipelineModel(stages=[*prepared.static, *fitted])


def selected_names(prepared: Prepared, fitted: PipelineModel) -> list[str]:
    """What each place of SCALED stands for: a feature's name, `feature = value` for a category, `feature = 0`."""
    names = [*prepared.numeric, *(f"{name} = 0" for name in prepared.flagged)]
    for stage in fitted.stages:
        if isinstance(stage, StringIndexerModel):
            pairs = zip(prepared.categorical, stage.labelsArray, strict=True)
            names += [f"{name} = {value}" for name, values in pairs for value in values]
    selector = next(stage for stage in fitted.stages if isinstance(stage, VarianceThresholdSelectorModel))
    return [names[place] for place in selector.selectedFeatures]


def _split_by_kind(basetable: DataFrame, features: Sequence[Feature]) -> tuple[list[str], list[str]]:
    kinds = {field.name: field.dataType for field in basetable.schema}
    missing = [feature.name for feature in features if feature.name not in kinds]
    if missing:
        raise InputProblem(
            f"the basetable lacks {len(missing)} feature(s): {listed(missing)}; build it again, "
            "under the settings that are given here"
        )
    numeric = [feature.name for feature in features if not feature.is_categorical]
    text = [name for name in numeric if not isinstance(kinds[name], T.NumericType | T.BooleanType)]
    if text:
        raise InputProblem(f"these features should be numbers and are not: {listed(text)}")
    if not numeric:
        raise InputProblem("no numeric feature was given")
    return numeric, [feature.name for feature in features if feature.is_categorical]


def _checked(frame: DataFrame, numeric: Sequence[str]) -> int:
    """Number of rows; the same pass finds values that no model may see."""
    values = vector_to_array(F.col(NUMBERS))
    bad = F.filter(
        F.transform(
            values,
            lambda value, place: F.when(F.isnan(value) | (F.abs(value) == float("inf")), place),
        ),
        lambda place: place.isNotNull() & (place < len(numeric)),  # flags of bad values are not named as well
    )
    found: Row = frame.agg(
        F.count(F.lit(1)).alias("rows"),
        F.collect_set("as_of").alias("dates"),
        F.array_distinct(F.flatten(F.collect_list(F.when(F.size(bad) > 0, bad)))).alias("bad"),
        (F.min(values) == F.max(values)).alias("all_equal"),
    ).collect()[0]
    if not found["rows"]:
        raise InputProblem("the basetable has no rows")
    if len(found["dates"]) != 1:
        raise InputProblem(
            f"one as_of at a time, not {len(found['dates'])}: {listed([str(one) for one in sorted(found['dates'])])}"
        )
    if found["bad"]:
        names = [numeric[place] for place in sorted(found["bad"])]
        rebuild = f"`segmentation basetable --as-of {found['dates'][0]}`"
        raise InputProblem(
            f"missing, NaN or infinite values in {len(names)} feature(s): {listed(names)}; {rebuild} fills those of a "
            "category or feature that came after this basetable, any other is a mistake of the feature"
        )
    if found["all_equal"]:
        raise InputProblem(f"none of the {len(numeric)} numeric feature(s) varies over {found['rows']} account(s)")
    return int(found["rows"])


def _zero_inflated(basetable: DataFrame, numeric: Sequence[str]) -> list[str]:
    raw = VectorAssembler(inputCols=list(numeric), outputCol=NUMBERS, handleInvalid="keep")
    summary = Summarizer.metrics("count", "numNonZeros").summary(F.col(NUMBERS)).alias("found")
    found = raw.transform(basetable.select(*map(quoted, numeric))).select(summary).collect()[0]["found"]
    filled = zip(numeric, found["numNonZeros"], strict=True)
    return [name for name, count in filled if 0 < count < (1.0 - ZERO_INFLATED) * found["count"]]


def _log_statement(heavy: Sequence[str], flagged: Sequence[str]) -> str:
    """log1p of size with the sign kept, so that a falling trend stays negative; and whether a value is zero."""
    logs = [
        f"signum({quoted(name)}) * log1p(abs({quoted(name)})) AS {quoted(_log_name(name))}"
        for name in heavy
    ]  # fmt: skip
    flags = [f"CAST({quoted(name)} = 0 AS DOUBLE) AS {quoted(_flag_name(name))}" for name in flagged]
    return f"SELECT {', '.join(['*', *logs, *flags])} FROM __THIS__"


def _log_name(name: str) -> str:
    return f"{name}_log1p"


def _flag_name(name: str) -> str:
    return f"{name}_is_zero"
