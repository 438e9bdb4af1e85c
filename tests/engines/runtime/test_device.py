from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest
import torch

from engines.runtime import device as device_module
from engines.runtime.device import (
    choose_placement,
    limit_threads,
    memory_capacity_mb,
    memory_report,
    process_rss_mb,
    release_memory,
    synchronize,
)
from engines.runtime.settings import Settings


def test_the_placement_computes_and_says_why() -> None:
    placement = choose_placement(Settings(device="auto", dtype="auto"))
    ones = torch.ones(4, 4, device=placement.device, dtype=placement.dtype)
    assert (ones @ ones).float().sum().item() == 64.0
    assert placement.reason.startswith("Runs on ")
    assert str(placement.dtype).removeprefix("torch.") in placement.reason


@pytest.mark.parametrize(
    ("flags", "dtype", "word"),
    [
        pytest.param({"amx_bf16", "avx512_bf16"}, torch.bfloat16, "AMX", id="AMX"),
        pytest.param({"avx512_bf16", "avx2"}, torch.bfloat16, "AVX-512", id="AVX-512"),
        pytest.param({"avx2", "avx512_f"}, torch.float32, "does not", id="older"),
        pytest.param(set(), torch.float32, "does not", id="unknown"),
    ],
)
def test_a_cpu_runs_in_bfloat16_only_where_it_multiplies_it(
    monkeypatch: pytest.MonkeyPatch, flags: set[str], dtype: torch.dtype, word: str
) -> None:
    monkeypatch.setattr(device_module, "_cpu_flags", lambda: frozenset(flags))
    placement = choose_placement(Settings(device="cpu", dtype="auto"))
    assert (placement.device.type, placement.dtype) == ("cpu", dtype)
    assert word in placement.reason


@pytest.mark.skipif(
    platform.system() != "Linux" or platform.machine() != "x86_64", reason="reads /proc/cpuinfo"
)
def test_torch_and_the_kernel_agree_on_what_the_cpu_can(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = device_module._cpu_flags()
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    kernels = device_module._cpu_flags()
    assert kernels
    for flag in ("avx2", "avx512_bf16", "amx_bf16"):
        assert (flag in ours) == (flag in kernels)


@pytest.mark.parametrize("name", ["float32", "bfloat16", "float16"])
def test_an_asked_for_precision_is_kept(
    name: Literal["float32", "bfloat16", "float16"],
) -> None:
    placement = choose_placement(Settings(device="cpu", dtype=name))
    assert placement.dtype == getattr(torch, name)
    assert f"Precision is {name}, as the settings ask." in placement.reason


@pytest.mark.parametrize(
    ("name", "is_there"),
    [("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available())],
    ids=["cuda", "mps"],
)
def test_an_asked_for_device_is_used_or_its_absence_is_named(
    name: Literal["cuda", "mps"], is_there: bool
) -> None:
    placement = choose_placement(Settings(device=name))
    assert placement.device.type == (name if is_there else "cpu")
    assert ("which is not there" in placement.reason) == (not is_there)


def test_mps_runs_in_float16_and_comes_before_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    placement = choose_placement(Settings(device="auto"))
    assert (placement.device.type, placement.dtype) == ("mps", torch.float16)


@pytest.mark.parametrize(
    ("has_bf16", "dtype"), [(True, torch.bfloat16), (False, torch.float32)], ids=["bf16", "older"]
)
def test_cuda_comes_first_and_runs_in_what_it_computes_in(
    monkeypatch: pytest.MonkeyPatch, has_bf16: bool, dtype: torch.dtype
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a card")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: has_bf16)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    placement = choose_placement(Settings(device="auto"))
    assert (placement.device.type, placement.dtype) == ("cuda", dtype)
    asked = choose_placement(Settings(device="cuda", dtype="bfloat16"))
    assert asked.dtype == dtype
    assert ("which this GPU lacks" in asked.reason) == (not has_bf16)


def test_memory_in_use_is_seen_and_seen_to_be_given_back() -> None:
    release_memory()  # what earlier tests freed would be used again, unseen
    before_mb = process_rss_mb()
    block = torch.ones(64 * 1024 * 1024 // 4)
    with_block_mb = process_rss_mb()
    del block
    release_memory()
    assert with_block_mb - before_mb > 48
    assert with_block_mb - process_rss_mb() > 48


def test_the_memory_report_fits_the_machine() -> None:
    report = memory_report()
    assert 0 < report.process_rss_mb < memory_capacity_mb()
    assert 0 <= report.available_mb < memory_capacity_mb()
    has_accelerator = torch.cuda.is_available() or torch.backends.mps.is_available()
    assert (report.device_allocated_mb is not None) == has_accelerator


def test_file_cache_of_a_container_does_not_count_as_used(tmp_path: Path) -> None:
    stat = tmp_path / "memory.stat"
    stat.write_text("anon 100\ninactive_file 4096\nactive_file 7\n")
    assert device_module._reclaimable_bytes(stat) == 4096
    assert device_module._reclaimable_bytes(tmp_path / "none") == 0


def test_a_limit_that_says_max_is_no_limit(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("12345\n")
    assert device_module._read_bytes(tmp_path / "memory.max") is None
    assert device_module._read_bytes(tmp_path / "memory.current") == 12345


def test_threads_are_limited_and_the_cpu_needs_no_wait() -> None:
    before = torch.get_num_threads()
    try:
        limit_threads(1)
        assert torch.get_num_threads() == 1
    finally:
        limit_threads(before)
    synchronize(torch.device("cpu"))


IS_GLIBC = platform.libc_ver()[0] == "glibc"
# Arrays made and freed one after the other, then twelve threads that hold memory together.
USE_MEMORY = """
import ctypes, resource, sys, threading
import numpy as np
from engines.runtime import device
if sys.argv[1] == "kept":
    device.keep_freed_memory()

def fill():
    return np.ones(20_000_000, np.uint8), np.ones(20_000_000, np.uint8)

fill()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    fill()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)

together = threading.Barrier(12)

def hold():
    held = bytearray(100_000)
    together.wait()

threads = [threading.Thread(target=hold) for _ in range(12)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
libc = ctypes.CDLL("libc.so.6")
libc.fopen.restype = ctypes.c_void_p
report = ctypes.c_void_p(libc.fopen(sys.argv[2].encode(), b"w"))
libc.malloc_info(0, report)
libc.fclose(report)
"""


@pytest.fixture(scope="module")
def memory_use(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, int]]:
    """Count page faults of arrays, and heaps of threads, with glibc's own settings and with ours.

    A page that is written for the first time since the system gave it is a page fault.
    """
    if not IS_GLIBC:
        pytest.skip("the settings are glibc's")
    found = {}
    for settings in ("own", "kept"):
        report = tmp_path_factory.mktemp("heaps") / "heaps.xml"
        done = subprocess.run(
            [sys.executable, "-c", USE_MEMORY, settings, str(report)],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        found[settings] = int(done.stdout), report.read_text().count("<heap nr=")
    return found


def test_freed_memory_is_used_again(memory_use: dict[str, tuple[int, int]]) -> None:
    assert memory_use["own"][0] > 20 * memory_use["kept"][0]


def test_many_threads_share_few_heaps(memory_use: dict[str, tuple[int, int]]) -> None:
    """Where each thread has a heap of its own, each keeps memory that the others could use."""
    most = device_module.MALLOC_ARENAS
    assert memory_use["own"][1] > most
    assert memory_use["kept"][1] <= most
