"""`python -m workers doctor`: checks the device and its kernels. Prints findings as one line of JSON."""

import importlib
import os
import sys
from collections.abc import Callable

import torch
from pydantic import TypeAdapter
from torch import Tensor
from torch.nn import functional

from contracts.errors.jobs import InputMissing
from models.precision import has_fast_bfloat16
from state.process.findings import Finding, fault, ok, warning
from state.settings import Settings
from workers.codecs.content_credentials import SigningFailed, open_signer
from workers.evaluating.networks.libraries import import_timm
from workers.runtime.machine import choose_device

SUBJECT, SIGNING = "device", "signing"
TOLERANCES = {torch.float32: 1e-3, torch.bfloat16: 5e-2}
"""The largest error of a kernel, as a share of its largest output. TF32 has 10 bits."""

MOUNT = "Mount it, or remove the variable."
GiB = 1024**3
LEAST_BYTES = 2 * GiB
LIBRARIES = ("diffusers",)
"""Optional imports of a generator family: without one, its jobs fail at their first step."""


def main() -> None:
    """Print the findings of this process's settings."""
    findings = examine(Settings())
    sys.stdout.write(TypeAdapter(list[Finding]).dump_json(findings).decode() + "\n")


def examine(settings: Settings) -> list[Finding]:
    """Return the findings on the device, its kernels and memory, the threads, weights and libraries."""
    try:
        device = choose_device(settings.device)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0]
        mend = "Set HANDSOFF_DEVICE=auto or cpu, or install a torch build for the device."
        return [
            fault(SUBJECT, f"HANDSOFF_DEVICE={settings.device} cannot be used ({reason})", mend)
        ]
    kernels = [check_kernels(device, dtype) for dtype in TOLERANCES]
    others = (
        _memory(device),
        *_threads(settings),
        *_precision(settings, device),
        *_weights(settings),
        *_frozen_library(settings),
    )
    signing = check_signing(settings)
    return [*kernels, *others, *map(check_library, LIBRARIES), *signing]


def check_signing(settings: Settings) -> list[Finding]:
    """Return whether images of exports can be signed; nothing without a certificate and a key."""
    try:
        signer = open_signer(settings)
        if signer is None:
            return []
        signer.check()
    except SigningFailed as error:
        mend = "The worker of the queue cpu needs both files and the package c2pa-python, else it does not start."
        return [warning(SIGNING, f"exports cannot be signed ({error})", mend)]
    return [ok(SIGNING, "exports are signed with Content Credentials")]


def check_kernels(device: torch.device, dtype: torch.dtype) -> Finding:
    """Compare the operations of a generator with those of the CPU in float32."""
    name = str(dtype).removeprefix("torch.")
    rng = torch.Generator().manual_seed(0)
    image, weight = torch.randn(1, 8, 16, 16, generator=rng), torch.randn(8, 8, 3, 3, generator=rng)
    try:
        worst = max(_error(work, image, weight, device, dtype) for work in WORKS)
    except RuntimeError as error:
        reason = str(error).partition("\n")[0]
        mend = "Install a torch build for this device, or set HANDSOFF_DEVICE=cpu."
        return fault(SUBJECT, f"{device} cannot compute in {name} ({reason})", mend)
    text = f"{device}, torch {torch.__version__}: largest error in {name} is {worst:.1e}"
    if not worst <= TOLERANCES[dtype]:
        return fault(
            SUBJECT,
            text,
            "Images would be wrong. Update the driver and torch, or use another device.",
        )
    return ok(SUBJECT, text)


def _convolve(image: Tensor, weight: Tensor) -> Tensor:
    return functional.conv2d(image, weight, padding=1)


def _enlarge(image: Tensor, _: Tensor) -> Tensor:
    return functional.interpolate(image, scale_factor=2, mode="bilinear", align_corners=False)


def _multiply(image: Tensor, weight: Tensor) -> Tensor:
    return image.flatten(2).transpose(1, 2) @ weight.flatten(1)


WORKS: tuple[Callable[[Tensor, Tensor], Tensor], ...] = (_convolve, _enlarge, _multiply)


def _error(
    work: Callable[[Tensor, Tensor], Tensor],
    image: Tensor,
    weight: Tensor,
    device: torch.device,
    dtype: torch.dtype,
) -> float:
    expected = work(image, weight)
    got = work(image.to(device, dtype), weight.to(device, dtype)).float().cpu()
    return float((got - expected).abs().max() / expected.abs().max())


def _memory(device: torch.device) -> Finding:
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        name = torch.cuda.get_device_name(device)
    else:
        page = os.sysconf("SC_PAGE_SIZE")
        free, total = (os.sysconf(one) * page for one in ("SC_AVPHYS_PAGES", "SC_PHYS_PAGES"))
        name = "CPU"
    text = f"{name}: {free / GiB:.1f} of {total / GiB:.1f} GiB of memory are free"
    if free < LEAST_BYTES:
        return warning(SUBJECT, text, "End other programs, or run fewer workers here.")
    return ok(SUBJECT, text)


def _threads(settings: Settings) -> list[Finding]:
    cores = len(os.sched_getaffinity(0))
    if (settings.cpu_threads or cores) <= cores:
        return []
    text = f"HANDSOFF_CPU_THREADS is {settings.cpu_threads}, and this process may use {cores} cores"
    return [warning(SUBJECT, text, f"Set it to {cores} or less: more threads wait for each other.")]


def _precision(settings: Settings, device: torch.device) -> list[Finding]:
    if settings.precision != "bfloat16" or has_fast_bfloat16(device):
        return []
    text = f"HANDSOFF_PRECISION is bfloat16, which is slow on {device}"
    return [warning(SUBJECT, text, "Set HANDSOFF_PRECISION=float32.")]


def _weights(settings: Settings) -> list[Finding]:
    """Return the mounted files that cannot be read, and a network without its weights or its library."""
    files = {
        "HANDSOFF_PERCEPTUAL_WEIGHTS": settings.perceptual_weights,
        "HANDSOFF_FROZEN_WEIGHTS": settings.frozen_weights,
    }
    findings = [
        fault(SUBJECT, f"{name} names {path}, which cannot be read", MOUNT)
        for name, path in files.items()
        if path is not None and not (path.is_file() and os.access(path, os.R_OK))
    ]
    folder = settings.encoder_weights
    if folder is not None and not (folder.is_dir() and os.access(folder, os.R_OK)):
        text = f"HANDSOFF_ENCODER_WEIGHTS names {folder}, which is no folder that can be read"
        findings.append(fault(SUBJECT, text, MOUNT))
    if settings.frozen_network is not None and settings.frozen_weights is None:
        text = "HANDSOFF_FROZEN_NETWORK is set without HANDSOFF_FROZEN_WEIGHTS"
        findings.append(fault(SUBJECT, text, "Set both, or none."))
    return findings


def _frozen_library(settings: Settings) -> list[Finding]:
    """Return whether the library of the arm `frozen` can be imported, where the settings need it."""
    if settings.frozen_network is None:
        return []
    try:
        timm = import_timm(instead="remove HANDSOFF_FROZEN_NETWORK")
    except InputMissing as error:
        return [fault(SUBJECT, error.detail, "Only evaluations with the arm frozen fail.")]
    return [ok(SUBJECT, f"timm {timm.__version__}")]


def check_library(name: str) -> Finding:
    """Return whether a library can be imported."""
    try:
        version = importlib.import_module(name).__version__
    except (ImportError, AttributeError) as error:
        return fault(
            SUBJECT,
            f"{name} cannot be imported ({error})",
            f"pip install -c constraints.txt {name}",
        )
    return ok(SUBJECT, f"{name} {version}")
