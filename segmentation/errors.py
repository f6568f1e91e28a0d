"""The one base of every error that is the user's to mend, and the hint at what was probably meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable


class _OneLine(Exception):  # noqa: N818  # only how the two below are shown
    """In a notebook as on the command line: what is wrong and the fix, no trace."""

    def _render_traceback_(self) -> list[str]:  # IPython asks an exception for it
        return [f"{type(self).__name__}: {self}"]


class InputProblem(_OneLine, ValueError):  # noqa: N818  # not a fault of the program
    """Something given to a job is wrong. The message names the file, key or row, and the fix; no trace is shown."""


class LackingData(InputProblem):
    """The data do not hold what a job needs, such as labels, months or values. Not every log does; nothing is wrong."""


class CannotAnswer(InputProblem):  # it names what is the matter with a model
    """A kept model cannot answer for a basetable. Raised before anything is written, so that the tables can stay."""


class EnvironmentProblem(_OneLine, RuntimeError):  # noqa: N818  # it names a state of the machine, with its fix
    """The machine lacks something; the message is one line that says what to do."""


#: how py4j begins to tell of an error in Java, whose own words are on the next line, behind a colon
_CALLED = re.compile(r"An error occurred while calling \S+\s*\n: ")


def first_line(error: BaseException, longest: int | None = None) -> str:
    """The first line that says something, cut after `longest` characters; the error's name where none does.

    Of SQL that it cannot parse Spark's message begins with an empty line.
    """
    said = _CALLED.sub("", str(error), count=1)
    return next((line.strip() for line in said.splitlines() if line.strip()), type(error).__name__)[:longest]


def did_you_mean(word: object, known: Iterable[object], listed: bool = False) -> str:
    """The end of a message on an unknown word: the nearest one, whatever its capitals; else, if `listed`, all."""
    words = {str(one).lower(): str(one) for one in known}
    if near := difflib.get_close_matches(str(word).lower(), words, n=1, cutoff=0.5):
        return f": did you mean {words[near[0]]!r}?"
    return f": known are {', '.join(words.values())}" if listed else ""
