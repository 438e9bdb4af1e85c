"""The errors a person may see: what is wrong, and what to do about it."""

from __future__ import annotations


class ReleafError(Exception):
    """Say in two sentences what is wrong and what to do.

    Args:
        what: what is wrong, one sentence for a person.
        do: what that person can do now, one sentence. `str(error)` is both.
    """

    def __init__(self, what: str, do: str) -> None:
        super().__init__(what, do)
        self.what = what
        self.do = do

    def __str__(self) -> str:
        return f"{self.what} {self.do}".strip()


class InputError(ReleafError):
    """Report something a person handed in that cannot be used: an unreadable or oversized picture,
    an empty list, a value outside its range.
    """


class BusyError(ReleafError):
    """Report that too many jobs are waiting, or that one waited too long. Trying again is right."""


class WeightsMissingError(ReleafError):
    """Report that a model's weights are nowhere they were looked for. `do` says how to get them."""


class WeightsCorruptError(ReleafError):
    """Report that a weights file or its card is there but cannot be read or does not fit."""


class EngineUnavailableError(ReleafError):
    """Report that an engine failed to load or stopped while working; other engines go on."""


class StorageError(ReleafError):
    """Report that something could not be saved: the disk is full or the folder is read-only."""
