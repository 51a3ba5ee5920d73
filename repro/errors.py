"""The errors that a user can cause. The command line turns each into one message and an exit code."""


class ReproError(Exception):
    """Base of every error of this project that is the user's to mend. `str()` of it is for people."""

    exit_code = 2


class CaseError(ReproError):
    """A case that does not have the form of a case. Names the file, the key and what would be right."""


class UnknownCaseError(ReproError):
    """No loaded case has this id."""


class RunnerError(ReproError):
    """Scripts cannot be run at all on this machine, or the process that runs them is gone."""

    exit_code = 1
