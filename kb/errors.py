"""The errors of the knowledge base that a user can mend."""

from repro.errors import ReproError


class LogError(ReproError):
    """Input that cannot be read as a training log. Names what was given and what would be right."""


class EncoderError(ReproError):
    """A model that cannot be used: missing, damaged, or in need of a package. Says what would mend it."""
