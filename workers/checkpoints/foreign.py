"""Other networks and other files that people upload, recognised so that a refusal can name them."""

from collections.abc import Iterable, Mapping

from workers.checkpoints.checkpoint import CheckpointRefused

# By the beginning of a global in a pickle.
GLOBALS: Mapping[str, str] = {
    "dnnlib.tflib": "a TensorFlow pickle of StyleGAN or StyleGAN2; convert StyleGAN2 with legacy.py of "
    "NVlabs/stylegan2-ada-pytorch (--source FILE --dest NEW.pkl) and bring the new file",
    "tfutil": "a TensorFlow pickle of Progressive GAN, another network",
    "pg_modules": "a projected GAN (StyleGAN-XL), another network",
    "timm": "a projected GAN (StyleGAN-XL), another network",
    "torch.nn.parallel": "a network pickled inside of DataParallel; save net.module.state_dict() instead",
    "torch._dynamo": "a network pickled inside of torch.compile; save net._orig_mod.state_dict() instead",
    "torch.nn.modules": "a pickle of torch modules that StyleGAN2 does not have (StyleGAN-XL has such layers)",
    "diffusers": "a diffusion model",
    "ldm.": "a diffusion model",
    "transformers": "a transformer",
    "pytorch_lightning": "a Lightning checkpoint with objects beside its tensors; save its state_dict alone",
    "lightning": "a Lightning checkpoint with objects beside its tensors; save its state_dict alone",
}

# By the class of a module in NVIDIA's form.
CLASSES: Mapping[str, str] = {
    "SynthesisInput": "StyleGAN3 (config t or r), another network than StyleGAN2",
    "SuperresGenerator": "StyleGAN-XL, another network than StyleGAN2",
    "TriPlaneGenerator": "EG3D, another network than StyleGAN2",
    "DualDiscriminator": "EG3D, another network than StyleGAN2",
}

# By the beginning of a tensor's name.
TENSORS: Mapping[str, str] = {
    "synthesis.input.": "StyleGAN3 (config t or r), another network than StyleGAN2",
    "generator.progression.": "StyleGAN1, another network than StyleGAN2",
    "g_synthesis.": "StyleGAN1, another network than StyleGAN2",
    "backbone.synthesis.": "EG3D, another network than StyleGAN2",
    "model.diffusion_model.": "a diffusion model",
    "down_blocks.": "a diffusion model",
    "lora_": "a LoRA of a diffusion model",
}

# By a file's first bytes.
FILES: Mapping[bytes, str] = {
    b"version https://git-lfs": "a Git LFS pointer; fetch the file itself with `git lfs pull`",
    b"<": "a web page (a download that asked for confirmation?)",
    b"\x1f\x8b": "gzipped; unpack it",
    b"BZh": "packed with bzip2; unpack it",
    b"\xfd7zXZ": "packed with xz; unpack it",
    b"\x28\xb5\x2f\xfd": "packed with zstd; unpack it",
    b"7z\xbc\xaf": "a 7z archive; unpack it",
    b"Rar!": "a RAR archive; unpack it",
    b"\x93NUMPY": "a NumPy array (npy), which does not tell what network it belongs to",
    b"\x89HDF": "HDF5 (Keras)",
    b"GGUF": "GGUF, a language model",
    b"\x08": "ONNX or TensorFlow",
    b"(": "a pickle of protocol 0, which no published checkpoint uses",
}

TAR_MAGIC_AT = 257


def refuse_named(names: Iterable[str], known: Mapping[str, str]) -> None:
    """Refuse a file in which any name begins like one of `known`."""
    beginnings = tuple(known)
    for name in names:
        if name.startswith(beginnings):
            what = next(what for start, what in known.items() if name.startswith(start))
            raise CheckpointRefused(f"it is {what} (it holds {name[:80]!r})")


def not_a_checkpoint(head: bytes, num_bytes: int) -> CheckpointRefused:
    """Return the refusal of a file that no reader takes; it names the kind of file if the first bytes show it."""
    for start, what in FILES.items():
        if head.startswith(start):
            return CheckpointRefused(f"it is {what}")
    if head[TAR_MAGIC_AT:].startswith(b"ustar"):
        return CheckpointRefused("it is a tar archive; unpack it and upload the checkpoint in it")
    if not num_bytes:
        return CheckpointRefused("it is an empty file", "Download or save the file again.")
    return CheckpointRefused(
        f"its {num_bytes} bytes begin with {head[:8]!r}, as no checkpoint does"
    )


def not_our_zip(names: Iterable[str]) -> CheckpointRefused:
    """Return the refusal of a zip that is neither torch's nor ours; it names the contents."""
    found = list(names)
    if found and all(name.endswith(".npy") for name in found):
        return CheckpointRefused(
            "it is a file of NumPy arrays (npz), which does not tell what network they belong to"
        )
    inner = [
        name for name in found if name.endswith((".pkl", ".pt", ".pth", ".zip", ".safetensors"))
    ]
    if len(inner) == 1:
        return CheckpointRefused(
            f"it is a zip around {inner[0][-60:]!r}", "Unpack it and upload the file in it."
        )
    return CheckpointRefused(
        f"it is a zip of {len(found)} files without torch's data.pkl, or a generator.safetensors and generator.json"
    )
