"""What a person is told when an engine could not load or broke off."""

from __future__ import annotations

from engines.runtime.errors import EngineUnavailableError, ReleafError


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether memory ran out, by whichever name a library reports it."""
    if isinstance(error, MemoryError):
        return True
    # CUDA and MPS say "out of memory", PyTorch's CPU allocator "can't allocate memory" on Linux
    # and "not enough memory" on Windows; all are RuntimeErrors.
    words = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, RuntimeError) and any(word in str(error) for word in words)


def broken_off(name: str, error: Exception) -> EngineUnavailableError:
    """Explain that an engine ended in the middle of its work."""
    if is_out_of_memory(error):
        return EngineUnavailableError(
            f"The {name} engine ran out of memory.",
            "Try again with less at once, or close other programs.",
        )
    return EngineUnavailableError(
        f"The {name} engine broke off unexpectedly.",
        "Try again; if it happens again, the log says more.",
    )


def load_failure(name: str, error: Exception) -> EngineUnavailableError:
    """Explain why an engine is not there; a reason that is known is kept."""
    if isinstance(error, ReleafError):
        return EngineUnavailableError(f"The {name} engine could not load. {error.what}", error.do)
    if is_out_of_memory(error):
        return EngineUnavailableError(
            f"The {name} engine could not load, as there is not enough memory.",
            "Close other programs and try again.",
        )
    return EngineUnavailableError(
        f"The {name} engine could not load ({type(error).__name__}: {error}).",
        "Try again; if it happens again, the log says more.",
    )
