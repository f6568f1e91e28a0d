"""The one base of every error that is the user's to mend."""


class InputProblem(ValueError):  # noqa: N818  # not a fault of the program
    """Something given to a job is wrong. The message names the file, key or row, and the fix; no trace is shown."""


class EnvironmentProblem(RuntimeError):  # noqa: N818  # it names a state of the machine, with its fix
    """The machine lacks something; the message is one line that says what to do."""
