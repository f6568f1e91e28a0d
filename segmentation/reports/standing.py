"""Which model the industries come from and what the gate said of it, in sentences for the report and the export."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, fields
from typing import Any

import pandas as pd

from segmentation.industries.gate import OVERRULED, PASSED
from segmentation.shown import is_missing

NOT_CHECKED = "the model was kept from an earlier training, and labels are checked only while one is trained"


def outdated(as_of: dt.date) -> str:
    """Of industries that were found in an earlier build of the basetable."""
    return (
        "The basetable was built anew after industries were found in it, so accounts and labels may be others: run "
        f"`segmentation industry --as-of {as_of}`."
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
    def warning(self) -> str | None:
        """What somebody must know before acting on these industries; None where all is as it should be."""
        if self.refused is None:
            return self._kept()
        if self.refused == self.model:
            return (
                f"The gate refused the industry model {_short(self.model)}. Its guesses are shown only because there "
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
