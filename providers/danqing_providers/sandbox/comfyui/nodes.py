"""The node classes of this server: what each takes, as `/object_info` says it and validation checks it.

Source: ComfyUI `nodes.py` and `comfy_extras` of autumn 2026, as far as the usual workflows need them.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import attrs

__all__ = ["CLASSES", "LARGEST_SEED", "NodeClass", "Taken"]

LARGEST_SEED: Final = 2**64 - 1
_LARGEST_SIDE: Final = 16_384
_SAMPLERS: Final = ("euler", "euler_ancestral", "dpmpp_2m", "dpmpp_2m_sde", "ddim", "uni_pc", "lcm")
_SCHEDULERS: Final = ("normal", "karras", "exponential", "simple", "sgm_uniform", "beta")
_CHECKPOINTS: Final = (
    "v1-5-pruned-emaonly-fp16.safetensors",
    "sd_xl_base_1.0.safetensors",
    "flux1-dev-fp8.safetensors",
)


@attrs.frozen
class Taken:
    """One input: the type of what it takes, its limits, and the values of a list (`COMBO`)."""

    type: str
    least: float | None = None
    most: float | None = None
    values: tuple[str, ...] = ()
    required: bool = True

    @property
    def config(self) -> list[Any]:
        """The input as `/object_info` and errors show it."""
        if self.type == "COMBO":
            return [list(self.values), {}]
        limits = {"min": self.least, "max": self.most}
        return [self.type, {name: value for name, value in limits.items() if value is not None}]


@attrs.frozen
class NodeClass:
    """One class: its inputs, the types of its outputs, and whether it writes something out."""

    takes: Mapping[str, Taken]
    gives: tuple[str, ...]
    writes: bool = False


def _link(type_: str) -> Taken:
    return Taken(type_)


def _whole(least: float, most: float) -> Taken:
    return Taken("INT", least, most)


def _real(least: float, most: float) -> Taken:
    return Taken("FLOAT", least, most)


def _one_of(*values: str) -> Taken:
    return Taken("COMBO", values=values)


_TEXT: Final = Taken("STRING")
_SIDE: Final = _whole(16, _LARGEST_SIDE)
_BATCH: Final = _whole(1, 4096)

CLASSES: Final[Mapping[str, NodeClass]] = MappingProxyType(
    {
        "CheckpointLoaderSimple": NodeClass({"ckpt_name": _one_of(*_CHECKPOINTS)}, ("MODEL", "CLIP", "VAE")),
        "UNETLoader": NodeClass({"unet_name": _TEXT, "weight_dtype": _one_of("default", "fp8_e4m3fn")}, ("MODEL",)),
        "CLIPLoader": NodeClass({"clip_name": _TEXT, "type": _TEXT}, ("CLIP",)),
        "DualCLIPLoader": NodeClass({"clip_name1": _TEXT, "clip_name2": _TEXT, "type": _TEXT}, ("CLIP",)),
        "VAELoader": NodeClass({"vae_name": _TEXT}, ("VAE",)),
        "CLIPTextEncode": NodeClass({"text": _TEXT, "clip": _link("CLIP")}, ("CONDITIONING",)),
        "FluxGuidance": NodeClass(
            {"conditioning": _link("CONDITIONING"), "guidance": _real(0, 100)}, ("CONDITIONING",)
        ),
        "EmptyLatentImage": NodeClass({"width": _SIDE, "height": _SIDE, "batch_size": _BATCH}, ("LATENT",)),
        "EmptySD3LatentImage": NodeClass({"width": _SIDE, "height": _SIDE, "batch_size": _BATCH}, ("LATENT",)),
        "EmptyHunyuanLatentVideo": NodeClass(
            {"width": _SIDE, "height": _SIDE, "length": _whole(1, _LARGEST_SIDE), "batch_size": _BATCH}, ("LATENT",)
        ),
        "ModelSamplingSD3": NodeClass({"model": _link("MODEL"), "shift": _real(0, 100)}, ("MODEL",)),
        "KSampler": NodeClass(
            {
                "model": _link("MODEL"),
                "seed": _whole(0, LARGEST_SEED),
                "steps": _whole(1, 10_000),
                "cfg": _real(0, 100),
                "sampler_name": _one_of(*_SAMPLERS),
                "scheduler": _one_of(*_SCHEDULERS),
                "positive": _link("CONDITIONING"),
                "negative": _link("CONDITIONING"),
                "latent_image": _link("LATENT"),
                "denoise": _real(0, 1),
            },
            ("LATENT",),
        ),
        "VAEDecode": NodeClass({"samples": _link("LATENT"), "vae": _link("VAE")}, ("IMAGE",)),
        "VAEEncode": NodeClass({"pixels": _link("IMAGE"), "vae": _link("VAE")}, ("LATENT",)),
        "LoadImage": NodeClass({"image": _one_of()}, ("IMAGE", "MASK")),
        "CreateVideo": NodeClass({"images": _link("IMAGE"), "fps": _real(1, 120)}, ("VIDEO",)),
        "SaveImage": NodeClass({"images": _link("IMAGE"), "filename_prefix": _TEXT}, (), writes=True),
        "PreviewImage": NodeClass({"images": _link("IMAGE")}, (), writes=True),
        "SaveVideo": NodeClass(
            {
                "video": _link("VIDEO"),
                "filename_prefix": _TEXT,
                "format": _one_of("auto", "mp4"),
                "codec": _one_of("auto", "h264"),
            },
            (),
            writes=True,
        ),
    }
)
