"""Identify other networks and other files, so that a refusal can name them."""

from collections.abc import Iterable, Mapping

from workers.checkpoints.checkpoint import DOWNLOAD_AGAIN, CheckpointRefused

# By the prefix of a global in a pickle.
GLOBALS: Mapping[str, str] = {
    "dnnlib.tflib": "a TensorFlow pickle of StyleGAN or StyleGAN2; convert StyleGAN2 with legacy.py of "
    "NVlabs/stylegan2-ada-pytorch (--source FILE --dest NEW.pkl) and upload the new file",
    "tfutil": "a TensorFlow pickle of Progressive GAN, another network",
    "pg_modules": "a projected GAN (StyleGAN-XL), another network",
    "timm": "a projected GAN (StyleGAN-XL), another network",
    "torch.nn.parallel": "a network pickled inside DataParallel; save net.module.state_dict() instead",
    "torch._dynamo": "a network pickled inside torch.compile; save net._orig_mod.state_dict() instead",
    "torch.nn.modules": "a pickle of torch modules that StyleGAN2 does not have (StyleGAN-XL has such layers)",
    "diffusers": "a diffusion model",
    "ldm.": "a diffusion model",
    "transformers": "a transformer",
    "pytorch_lightning": "a Lightning checkpoint with objects beside its tensors; save only its state_dict",
    "lightning": "a Lightning checkpoint with objects beside its tensors; save only its state_dict",
}

# By the class of a module in NVIDIA's format.
CLASSES: Mapping[str, str] = {
    "SynthesisInput": "StyleGAN3 (config t or r), another network than StyleGAN2",
    "SuperresGenerator": "StyleGAN-XL, another network than StyleGAN2",
    "TriPlaneGenerator": "EG3D, another network than StyleGAN2",
    "DualDiscriminator": "EG3D, another network than StyleGAN2",
}

# By the prefix of a tensor's name.
TENSORS: Mapping[str, str] = {
    "synthesis.input.": "StyleGAN3 (config t or r), another network than StyleGAN2",
    "generator.progression.": "StyleGAN1, another network than StyleGAN2",
    "g_synthesis.": "StyleGAN1, another network than StyleGAN2",
    "backbone.synthesis.": "EG3D, another network than StyleGAN2",
    "model.diffusion_model.": "a diffusion model",
    "down_blocks.": "the network of a diffusion model alone; upload the whole diffusers folder as a zip",
    "lora_": "a LoRA of a diffusion model",
}

# By a file's first bytes.
FILES: Mapping[bytes, str] = {
    b"version https://git-lfs": "a Git LFS pointer; fetch the file itself with `git lfs pull`",
    b"<": "a web page (did the download ask for confirmation?)",
    b"\x1f\x8b": "gzipped; unpack it",
    b"BZh": "packed with bzip2; unpack it",
    b"\xfd7zXZ": "packed with xz; unpack it",
    b"\x28\xb5\x2f\xfd": "packed with zstd; unpack it",
    b"7z\xbc\xaf": "a 7z archive; unpack it",
    b"Rar!": "a RAR archive; unpack it",
    b"\x93NUMPY": "a NumPy array (npy), which does not say which network it belongs to",
    b"\x89HDF": "HDF5 (Keras)",
    b"GGUF": "GGUF, a language model",
    b"\x08": "ONNX or TensorFlow",
    b"(": "a pickle of protocol 0, which no published checkpoint uses",
}

TAR_MAGIC_AT = 257


def refuse_foreign(names: Iterable[str], descriptions: Mapping[str, str]) -> None:
    """Refuse if one of the names has a prefix of the table. The message says what the file is."""
    prefixes = tuple(descriptions)
    for name in names:
        if name.startswith(prefixes):
            described = (text for prefix, text in descriptions.items() if name.startswith(prefix))
            raise CheckpointRefused(f"it is {next(described)} (it holds {name[:80]!r})")


def refusal_of_file(head: bytes, num_bytes: int) -> CheckpointRefused:
    """Return the refusal of a file that no reader supports. It names the format if the first bytes show it."""
    for prefix, description in FILES.items():
        if head.startswith(prefix):
            return CheckpointRefused(f"it is {description}")
    if head[TAR_MAGIC_AT:].startswith(b"ustar"):
        return CheckpointRefused("it is a tar archive; unpack it and upload the checkpoint in it")
    if not num_bytes:
        return CheckpointRefused("it is an empty file", DOWNLOAD_AGAIN)
    return CheckpointRefused(
        f"expected the first bytes of a checkpoint, got {head[:8]!r} ({num_bytes} bytes in total)"
    )


def refusal_of_zip(names: Iterable[str]) -> CheckpointRefused:
    """Return the refusal of a zip that is in neither torch's nor HandsOff's format. It names the contents."""
    members = list(names)
    if members and all(name.endswith(".npy") for name in members):
        return CheckpointRefused(
            "it is a file of NumPy arrays (npz), which does not say which network they belong to"
        )
    inner = [
        name for name in members if name.endswith((".pkl", ".pt", ".pth", ".zip", ".safetensors"))
    ]
    if len(inner) == 1:
        return CheckpointRefused(
            f"it is a zip around {inner[0][-60:]!r}", "Unpack it and upload the file in it."
        )
    return CheckpointRefused(
        "expected a zip with torch's data.pkl, or with generator.safetensors and generator.json, got one of"
        f" {len(members)} other files"
    )
