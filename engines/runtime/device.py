"""Choose where and in which precision engines compute, and report memory."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

from engines.runtime.settings import Settings

_MIB = 1024 * 1024
# Freed memory at the end of a heap that is kept, and the size from which a block is not kept.
KEPT_BYTES, LARGEST_KEPT_BYTES = 256 * _MIB, 32 * _MIB
# Heaps that all threads share. By itself glibc makes up to eight per core, and each came to hold
# freed memory of its own: the process grew although what it used did not.
MALLOC_ARENAS = 2
# From glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_DTYPES = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


@dataclass(frozen=True)
class Placement:
    """Say where engines compute.

    Attributes:
        device: the torch device.
        dtype: the floating-point type models run in.
        reason: why, in words for a person.
    """

    device: torch.device
    dtype: torch.dtype
    reason: str


@dataclass(frozen=True)
class MemoryReport:
    """Say how much memory is in use, in MiB.

    Attributes:
        process_rss_mb: resident memory of this process.
        available_mb: what this process could still take, within its container's limit.
        device_allocated_mb: tensors on the accelerator, None where there is none.
    """

    process_rss_mb: float
    available_mb: float
    device_allocated_mb: float | None


def choose_placement(settings: Settings) -> Placement:
    """Choose the device and dtype: CUDA, then MPS, then CPU, unless the settings name one.

    Precision is float16 on MPS, bfloat16 where the hardware computes in it, float32 otherwise.
    A device that is asked for but absent falls back to the CPU, and a dtype that the device cannot
    compute in falls back to the device's own choice; the reason says so. Never raises.
    """
    kind, device_reason = _choose_device(settings.device)
    dtype, dtype_reason = _choose_dtype(kind, settings.dtype)
    return Placement(torch.device(kind), dtype, f"{device_reason} {dtype_reason}")


def synchronize(device: torch.device) -> None:
    """Wait until the device has finished all the work it was given; nothing to wait for on CPU."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def release_memory() -> None:
    """Give memory that is no longer used back to the system and to the accelerator's driver."""
    gc.collect()
    if sys.platform == "linux":
        # glibc keeps freed memory for later; without this the process looks as large as before.
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL("libc.so.6").malloc_trim(0)
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if _is_mps_there():
        torch.mps.empty_cache()


def keep_freed_memory() -> None:
    """Let this process use freed memory again without asking the system for it each time.

    By itself glibc returns large arrays to the system as soon as they are freed; to get them back
    cost more than to compute on them. What is kept is bounded, and `release_memory` returns it. All
    threads share MALLOC_ARENAS heaps.
    Call it once, before other threads start. Does nothing where the C library is not glibc.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            libc = ctypes.CDLL("libc.so.6")
            libc.mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)
            libc.mallopt(_M_MMAP_THRESHOLD, LARGEST_KEPT_BYTES)
            libc.mallopt(_M_ARENA_MAX, MALLOC_ARENAS)


def limit_threads(count: int) -> None:
    """Let PyTorch's operators use `count` CPU threads, in this thread and in those started later.

    Raises:
        ValueError: if count is below 1.
    """
    if count < 1:
        raise ValueError(f"at least one thread is needed, not {count}")
    torch.set_num_threads(count)


def process_rss_mb() -> float:
    """Measure the resident memory of this process now, in MiB."""
    return float(psutil.Process().memory_info().rss / _MIB)


def memory_report() -> MemoryReport:
    """Measure memory now, in MiB."""
    available = float(psutil.virtual_memory().available)
    limit, used = _cgroup_memory()
    if limit is not None and used is not None:
        available = min(available, max(0.0, float(limit - used)))
    allocated: float | None = None
    if torch.cuda.is_available():
        allocated = torch.cuda.memory_allocated() / _MIB
    elif _is_mps_there():
        allocated = torch.mps.current_allocated_memory() / _MIB
    return MemoryReport(process_rss_mb(), available / _MIB, allocated)


def memory_capacity_mb() -> float:
    """Say how much memory this process may use at most: the container's limit, else the machine's.

    The unit is MiB.
    """
    limit, _ = _cgroup_memory()
    total = psutil.virtual_memory().total
    return float((total if limit is None else min(limit, total)) / _MIB)


def _choose_device(asked: str) -> tuple[str, str]:
    is_there = {"cuda": torch.cuda.is_available(), "mps": _is_mps_there(), "cpu": True}
    names = {"cuda": "CUDA", "mps": "Apple's MPS", "cpu": "the CPU"}
    if asked != "auto":
        if is_there[asked]:
            return asked, f"Runs on {names[asked]}, as the settings ask."
        return "cpu", f"The settings ask for {names[asked]}, which is not there; runs on the CPU."
    if is_there["cuda"]:
        return "cuda", f"Runs on CUDA ({torch.cuda.get_device_name()})."
    if is_there["mps"]:
        return "mps", "Runs on Apple's MPS, as there is no CUDA."
    return "cpu", "Runs on the CPU, as there is no CUDA and no MPS."


def _choose_dtype(kind: str, asked: str) -> tuple[torch.dtype, str]:
    dtype, reason = _best_dtype(kind)
    if asked == "auto":
        return dtype, reason
    if asked == "bfloat16" and kind == "cuda" and not torch.cuda.is_bf16_supported():
        return dtype, f"The settings ask for bfloat16, which this GPU lacks. {reason}"
    return _DTYPES[asked], f"Precision is {asked}, as the settings ask."


def _best_dtype(kind: str) -> tuple[torch.dtype, str]:
    if kind == "mps":
        return torch.float16, "Precision is float16, MPS's fast type."
    if kind == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return torch.bfloat16, "Precision is bfloat16, which this GPU computes in."
        return torch.float32, "Precision is float32, as this GPU does not compute in bfloat16."
    instructions = _cpu_bf16_instructions()
    if instructions is not None:
        return (
            torch.bfloat16,
            f"Precision is bfloat16, which this CPU computes in ({instructions}).",
        )
    return torch.float32, "Precision is float32, as this CPU does not compute in bfloat16."


def _cpu_bf16_instructions() -> str | None:
    """Name the instructions with which this CPU multiplies bfloat16, None if it has none."""
    flags = _cpu_flags()
    if "amx_bf16" in flags:
        return "AMX"
    if "avx512_bf16" in flags:
        return "AVX-512"
    return None


def _cpu_flags() -> frozenset[str]:
    # torch.cpu.get_capabilities is recent; older releases leave Linux's own list.
    get_capabilities = getattr(torch.cpu, "get_capabilities", None)
    if get_capabilities is not None:
        return frozenset(name for name, value in get_capabilities().items() if value is True)
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return frozenset()
    return frozenset(
        flag for line in lines if line.startswith("flags") for flag in line.split(":", 1)[1].split()
    )


def _is_mps_there() -> bool:
    return torch.backends.mps.is_available()


def _cgroup_memory() -> tuple[int | None, int | None]:
    """Read this container's memory limit and use in bytes, None where there is no limit."""
    root = Path("/sys/fs/cgroup")
    for limit_file, used_file, stat_file in (
        ("memory.max", "memory.current", "memory.stat"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat"),
    ):
        limit = _read_bytes(root / limit_file)
        used = _read_bytes(root / used_file)
        # Version 1 writes "no limit" as a number larger than any machine's memory.
        if limit is not None and used is not None and limit < psutil.virtual_memory().total:
            return limit, max(0, used - _reclaimable_bytes(root / stat_file))
    return None, None


def _read_bytes(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _reclaimable_bytes(path: Path) -> int:
    """Read how much of a container's memory is file cache that the kernel drops when asked."""
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    stats = dict(line.split(" ", 1) for line in lines if " " in line)
    return int(stats.get("total_inactive_file", stats.get("inactive_file", "0")))
