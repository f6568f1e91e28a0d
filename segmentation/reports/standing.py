"""Which model the industries come from and what the gate said of it, in sentences for the report and the export."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, fields
from typing import Any

import pandas as pd

from segmentation.industries.gate import OVERRULED, PASSED
from segmentation.shown import is_missing

NOT_CHECKED = "the model was kept from an earlier training, and labels are checked only while one is trained"


#: table -> what was done with the basetable that was there before, what may be others in that of today, the command
_FROM_BASETABLE = {
    "segments": ("segments and use were found in it", "accounts and their use", "segments"),
    "industry_scores": ("industries were found in it", "accounts and labels", "industry"),
    "churn_scores": ("it was forecast from it who may fall silent", "accounts and their use", "churn"),
}


def outdated(table: str, as_of: dt.date) -> str:
    """Of what was found or forecast in an earlier build of the basetable, or of values, in earlier logs."""
    if table not in _FROM_BASETABLE:
        return (
            "The logs' tables were written anew after expected values were forecast from them, so values may be "
            f"others: run `segmentation value --as-of {as_of}`."
        )
    done, other, command = _FROM_BASETABLE[table]
    return (
        f"The basetable was built anew after {done}, so {other} may be others: run "
        f"`segmentation {command} --as-of {as_of}`."
    )


@dataclass(frozen=True)
class Standing:
    """The row of table industry_models of one date."""

    as_of: dt.date
    #: registered name and version; None: no model stands behind this date
    model: str | None
    trained_for: dt.date | None
    trained_at: dt.datetime | None
    gate: str | None
    refused: str | None
    reasons: tuple[str, ...]
    labels_checked: bool

    @property
    def origin(self) -> str | None:
        """Where the industries come from; None where no model stands behind them."""
        if self.model is None:
            return None
        when = f", trained on {self.trained_at:%Y-%m-%d}" if self.trained_at else ""
        of = f" for {self.trained_for}" if self.trained_for else ""
        passed = ", which passed the gate" if self.gate == PASSED else ""
        return f"These industries come from the model {_short(self.model)}{when}{of}{passed}."

    @property
    def is_refused(self) -> bool:
        """Whether the industries come from a model that the gate refused, and nobody overruled it."""
        return self.refused is not None and self.refused == self.model

    @property
    def warning(self) -> str | None:
        """What somebody must know before acting on these industries; None where all is as it should be."""
        if self.refused is None:
            return self._kept()
        if self.is_refused:
            return (
                f"The gate refused the industry model {_short(self.refused)}. Its guesses are shown only because there "
                "is no other model: do not act on them unseen."
            )
        told = f"The gate refused the industry model trained last, {_short(self.refused)}"
        if self.model is None:
            return f"{told}, and no other could answer for {self.as_of}: nothing new is said of industries."
        return f"{told}. What is said of industries comes from {self._of_model()}, and is worth what it was then."

    def _kept(self) -> str | None:
        if self.gate == OVERRULED:
            return f"The gate had refused {self._of_model()}, from which the industries come; somebody overruled it."
        if self.model and self.trained_for and self.trained_for != self.as_of:
            return f"What is said of industries comes from {self._of_model()}, and is worth what it was then."
        return None

    def _of_model(self) -> str:
        trained = f", trained for {self.trained_for}" if self.trained_for else ""
        return f"the model {_short(str(self.model))}{trained}"


def standing(rows: pd.DataFrame) -> Standing:
    """From the one row of table industry_models of a date."""
    row: dict[str, Any] = {str(name): None if is_missing(one) else one for name, one in rows.iloc[0].items()}
    row["reasons"] = tuple(map(str, row["reasons"]))
    return Standing(**{one.name: row[one.name] for one in fields(Standing)})


def _short(model: str) -> str:
    """Without the catalog and schema: `industry/2`."""
    return model.rpartition(".")[2]
