from __future__ import annotations

import pickle

import pytest

from engines.runtime import errors


@pytest.mark.parametrize(
    "kind",
    [
        errors.InputError,
        errors.BusyError,
        errors.WeightsMissingError,
        errors.WeightsCorruptError,
        errors.EngineUnavailableError,
        errors.StorageError,
    ],
    ids=lambda kind: kind.__name__,
)
def test_every_error_says_what_is_wrong_and_what_to_do(kind: type[errors.ReleafError]) -> None:
    error = kind("The picture is broken.", "Take another.")
    assert isinstance(error, errors.ReleafError)
    assert (error.what, error.do) == ("The picture is broken.", "Take another.")
    assert str(error) == "The picture is broken. Take another."


def test_an_error_survives_the_way_to_another_process() -> None:
    error = pickle.loads(pickle.dumps(errors.InputError("It is broken.", "Take another.")))
    assert isinstance(error, errors.InputError)
    assert error.do == "Take another."
