"""The smallest file with which llama.cpp takes pictures: a projector that sees nothing, in the format GGUF."""

from __future__ import annotations

import math
import struct
from pathlib import Path

_UINT32, _FLOAT32, _BOOL, _STRING, _ARRAY = 4, 6, 7, 8, 9  # types of values
_ALIGNMENT = 32
_SIZE, _PATCH, _WIDTH, _HIDDEN, _LAYERS = 28, 14, 16, 32, 2


def write_projector(path: Path, embedding: int) -> None:
    """Write a vision encoder and projector whose weights are all zero, for a model with embeddings of that length.

    The names of keys and tensors are those that llama.cpp reads (`clip.cpp`, projector `mlp`).
    """
    keys: dict[str, object] = {
        "general.architecture": "clip",
        "clip.has_vision_encoder": True,
        "clip.projector_type": "mlp",
        "clip.use_gelu": True,
        "clip.vision.image_size": _SIZE,
        "clip.vision.patch_size": _PATCH,
        "clip.vision.embedding_length": _WIDTH,
        "clip.vision.feed_forward_length": _HIDDEN,
        "clip.vision.projection_dim": embedding,
        "clip.vision.block_count": _LAYERS,
        "clip.vision.attention.head_count": 2,
        "clip.vision.attention.layer_norm_epsilon": 1e-5,
        "clip.vision.image_mean": [0.5, 0.5, 0.5],
        "clip.vision.image_std": [0.5, 0.5, 0.5],
    }
    tensors = _tensors(embedding)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys))
    head += b"".join(_text(key) + _value(value) for key, value in keys.items())
    offset = 0
    for name, shape in tensors.items():
        head += _text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, offset)
        offset += -(-4 * math.prod(shape) // _ALIGNMENT) * _ALIGNMENT
    path.write_bytes(head + b"\0" * (-len(head) % _ALIGNMENT) + b"\0" * offset)


def _tensors(embedding: int) -> dict[str, tuple[int, ...]]:
    places = (_SIZE // _PATCH) ** 2 + 1
    tensors: dict[str, tuple[int, ...]] = {
        "v.class_embd": (_WIDTH,),
        "v.patch_embd.weight": (_PATCH, _PATCH, 3, _WIDTH),
        "v.position_embd.weight": (_WIDTH, places),
        "v.pre_ln.weight": (_WIDTH,),
        "v.pre_ln.bias": (_WIDTH,),
    }
    for layer in range(_LAYERS):
        block = f"v.blk.{layer}."
        for name in ("attn_q", "attn_k", "attn_v", "attn_out"):
            tensors |= {f"{block}{name}.weight": (_WIDTH, _WIDTH), f"{block}{name}.bias": (_WIDTH,)}
        for name in ("ln1", "ln2"):
            tensors |= {f"{block}{name}.weight": (_WIDTH,), f"{block}{name}.bias": (_WIDTH,)}
        tensors |= {f"{block}ffn_up.weight": (_WIDTH, _HIDDEN), f"{block}ffn_up.bias": (_HIDDEN,)}
        tensors |= {f"{block}ffn_down.weight": (_HIDDEN, _WIDTH), f"{block}ffn_down.bias": (_WIDTH,)}
    tensors |= {"mm.0.weight": (_WIDTH, embedding), "mm.0.bias": (embedding,)}
    return tensors | {"mm.2.weight": (embedding, embedding), "mm.2.bias": (embedding,)}


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _value(value: object) -> bytes:
    match value:
        case bool():
            return struct.pack("<I?", _BOOL, value)
        case int():
            return struct.pack("<II", _UINT32, value)
        case float():
            return struct.pack("<If", _FLOAT32, value)
        case list():
            return struct.pack(f"<IIQ{len(value)}f", _ARRAY, _FLOAT32, len(value), *value)
    return struct.pack("<I", _STRING) + _text(str(value))
