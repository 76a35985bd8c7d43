"""Errors that chemistry raises; ``str()`` of each is the message a user reads."""

from __future__ import annotations


class SaltloopError(Exception):
    """Base of every error that saltloop raises on purpose."""

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows in place of the traceback: the message, which is written for a person."""
        return [f"{type(self).__name__}: {self}"]


class UnknownSpeciesError(SaltloopError, KeyError):
    """A salt or solvent name that no table and no campaign file knows."""

    def __str__(self) -> str:
        # KeyError would print the repr of the message, quotes and escapes included.
        return str(self.args[0]) if self.args else ""


class FormulationError(SaltloopError, ValueError):
    """Fractions, concentrations, a temperature or a text that describe no liquid."""


class UnitError(SaltloopError, ValueError):
    """An unknown unit, or two units of different dimensions."""


class DataError(SaltloopError, ValueError):
    """A data set, a download or a file that cannot be used as it is."""
