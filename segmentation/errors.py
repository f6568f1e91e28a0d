"""The one base of every error that is the user's to mend."""


class _OneLine(Exception):  # noqa: N818  # only how the two below are shown
    """In a notebook as on the command line: what is wrong and the fix, no trace."""

    def _render_traceback_(self) -> list[str]:  # IPython asks an exception for it
        return [f"{type(self).__name__}: {self}"]


class InputProblem(_OneLine, ValueError):  # noqa: N818  # not a fault of the program
    """Something given to a job is wrong. The message names the file, key or row, and the fix; no trace is shown."""


class LackingData(InputProblem):
    """The data do not hold what a job needs, such as labels, months or values. Not every log does; nothing is wrong."""


class EnvironmentProblem(_OneLine, RuntimeError):  # noqa: N818  # it names a state of the machine, with its fix
    """The machine lacks something; the message is one line that says what to do."""
