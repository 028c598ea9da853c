"""What is in hostile files: those of other kinds, sound ones to be changed, and some that are made for one kind."""

from __future__ import annotations

import binascii
import functools
import hashlib
import io
import json
import pickle
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from typing import Any

from support.kinds_of_files import BLOCK, NET, sound_run

DEEP = "[" * 100_000


def _saved(make: Callable[[io.BytesIO], object]) -> bytes:
    stream = io.BytesIO()
    make(stream)
    return stream.getvalue()


@functools.cache
def _picture(form: str, mode: str = "RGB", size: tuple[int, int] = (8, 8), **more: Any) -> bytes:
    from PIL import Image

    pixels = random.Random(form + mode).randbytes(size[0] * size[1] * 4)
    picture = Image.frombytes("RGBA", size, pixels).convert(mode)
    return _saved(lambda stream: picture.save(stream, form, **more))


def _array(shape: tuple[int, ...] = (4, 1, 8, 8), kind: str = "<f4") -> bytes:
    import numpy as np

    values = np.random.default_rng(0).integers(0, 100, shape).astype(kind)
    return _saved(lambda stream: np.save(stream, values))


def _archive(inside: bytes, name: str = "images.npy", method: int = zipfile.ZIP_DEFLATED) -> bytes:
    def make(stream: io.BytesIO) -> None:
        with zipfile.ZipFile(stream, "w", method) as archive:
            archive.writestr(name, inside)

    return _saved(make)


def _zip(**files: bytes) -> bytes:
    def make(stream: io.BytesIO) -> None:
        with zipfile.ZipFile(stream, "w") as archive:
            for name, data in files.items():
                archive.writestr(name, data)

    return _saved(make)


OTHERS: Mapping[str, bytes] = {
    "a web page": b"<!DOCTYPE html><html><body>404</body></html>",
    "a gzip": b"\x1f\x8b\x08" + bytes(40),
    "a zip of nothing": _zip(),
    "a zip of a text": _zip(a=b"text"),
    "a pickle": pickle.dumps({"a": [1, 2]}, 2),
    "a PNG": _picture("PNG", "L"),
    "an EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n(x) run\n",
    "a PDF": b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n",
    "a program": b"\x7fELF\x02\x01\x01" + bytes(100),
    "a tar": b"name".ljust(257, b"\0") + b"ustar\x0000" + bytes(300),
    "an LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    "a JSON list": b"[1, 2, 3]",
    "deep JSON": DEEP.encode(),
    "deep JSON, closed": (DEEP + "]" * len(DEEP)).encode(),
    "a JSON number of 5,000 digits": b"9" * 5000,
    "a NumPy array": _array(),
    "one NUL": b"\0",
    "64 kB of NULs": bytes(65536),
    "64 kB of noise": random.Random(0).randbytes(65536),
    "text in UTF-16": "name: net\nstages: []\n".encode("utf-16"),
    "text in Latin-1": "name: größe\n".encode("latin-1"),
    "a byte order mark": b"\xef\xbb\xbf",
    "a line of a megabyte": b"x" * 10**6,
}
"""Files of other kinds under the name of the one that is expected."""


# --- pictures ---


def _chunk(kind: bytes, data: bytes) -> bytes:
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", binascii.crc32(body))


def _png(width: int, height: int, *chunks: bytes, depth: int = 8, color: int = 0) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + b"".join(chunks) + _chunk(b"IEND", b"")


_BOMB = zlib.compress(bytes(200 * 2**20), 9)


def _tiff(**tags: int) -> bytes:
    entries = {256: 8, 257: 8, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 8, 279: 64}
    entries |= {int(key[1:]): value for key, value in tags.items()}
    ifd = struct.pack("<H", len(entries))
    for tag in sorted(entries):
        ifd += struct.pack("<HHII", tag, 4, 1, entries[tag])
    return b"II*\0" + struct.pack("<I", 8) + ifd + struct.pack("<I", 8)  # its next page is itself


def _large() -> bytes:
    from PIL import Image

    return _saved(lambda stream: Image.new("1", (9000, 9000)).save(stream, "PNG"))


def _float_tiff() -> bytes:
    import numpy as np
    from PIL import Image

    picture = Image.fromarray(np.linspace(0, 1e6, 64, dtype=np.float32).reshape(8, 8))
    return _saved(lambda stream: picture.save(stream, "TIFF"))


PICTURES: Mapping[str, Callable[[], bytes]] = {
    "a colour profile that swells": lambda: _png(8, 8, _chunk(b"iCCP", b"x\0\0" + _BOMB)),
    "a text that swells": lambda: _png(8, 8, _chunk(b"zTXt", b"x\0\0" + _BOMB)),
    "pixels that swell": lambda: _png(60_000, 60_000, _chunk(b"IDAT", _BOMB)),
    "a PNG of no size": lambda: _png(0, 0),
    "a PNG of 2³¹ pixels a side": lambda: _png(2**31 - 1, 2**31 - 1),
    "a PNG without pixels": lambda: _png(8, 8),
    "a PNG of an odd depth": lambda: _png(8, 8, depth=7),
    "a PNG with a chunk of 4 GB": lambda: _png(8, 8)[:33] + b"\xff\xff\xff\xffIDAT",
    "a PPM": lambda: b"P6\n8 8\n255\n" + bytes(192),
    "a PPM with a bad header": lambda: b"P6\n8 x\n255\n" + bytes(192),
    "a QOI with a bad header": lambda: b"qoif" + b"\xff" * 10,
    "a GIF": lambda: _picture("GIF", "P"),
    "an ICO": lambda: _picture("ICO"),
    "a PSD": lambda: b"8BPS\0\1" + bytes(60),
    "a BMP of no height": lambda: (
        b"BM" + struct.pack("<IIIIiiHHIIiiII", 62, 0, 54, 40, 8, 0, 1, 24, 0, 0, 0, 0, 0, 0)
    ),
    "a BMP of 2³¹ pixels": lambda: (
        b"BM"
        + struct.pack(
            "<IIIIiiHHIIiiII", 62, 0, 54, 40, 2**31 - 1, -(2**31), 1, 24, 0, 0, 0, 0, 0, 0
        )
    ),
    "a TIFF of no pixels": lambda: _tiff(t256=0),
    "a TIFF of 2³¹ pixels": lambda: _tiff(t256=2**31 - 1, t257=2**31 - 1),
    "a TIFF whose strip is elsewhere": lambda: _tiff(t273=2**31),
    "a TIFF packed as none is": lambda: _tiff(t259=34_712),
    "a TIFF of real numbers": _float_tiff,
    "half a JPEG": lambda: _picture("JPEG")[:200],
    "half a WebP": lambda: _picture("WEBP")[:40],
    "a picture of 9000 × 9000": _large,
}


# --- arrays ---


def _npy(header: str | bytes, data: bytes = b"", version: bytes = b"\1\0") -> bytes:
    text = header.encode() if isinstance(header, str) else header
    size = struct.pack("<H" if version == b"\1\0" else "<I", len(text))
    return b"\x93NUMPY" + version + size + text + data


def _shaped(shape: str, kind: str = "'<f4'", order: str = "False") -> bytes:
    header = f"{{'descr': {kind}, 'fortran_order': {order}, 'shape': {shape}, }}\n"
    return _npy(header, bytes(4096))


def _encrypted() -> bytes:
    data = bytearray(_archive(_array()))
    for mark, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.index(mark) + at] |= 1
    return bytes(data)


def _packed(method: int) -> bytes:
    data = bytearray(_archive(_array()))
    for mark, at in ((b"PK\3\4", 8), (b"PK\1\2", 10)):
        place = data.index(mark) + at
        data[place : place + 2] = struct.pack("<H", method)
    return bytes(data)


def _swelling() -> bytes:
    """A member that promises 5.7 GiB in its header and in the directory, and has a megabyte packed."""
    count = 57 * 2**30 // 10 // 256
    inside = _shaped(f"({count}, 1, 8, 8)")
    data = bytearray(_archive(inside + bytes(2**20)))
    place = data.index(b"PK\1\2") + 24
    data[place : place + 4] = struct.pack("<I", 2**32 - 2)
    return bytes(data)


ARRAYS: Mapping[str, Callable[[], bytes]] = {
    "a negative size": lambda: _shaped("(-1, 1, 8, 8)"),
    "two negative sizes": lambda: _shaped("(-2, -2, 8, 8)"),
    "more than is there": lambda: _shaped("(1000000, 1, 8, 8)"),
    "2¹²⁸ numbers": lambda: _shaped("(4294967296, 4294967296, 4294967296, 4294967296)"),
    "a size that is no number": lambda: _shaped("(True, 'a', 8, 8)"),
    "sixty dimensions": lambda: _shaped(f"({'1, ' * 60})"),
    "a header that is no Python": lambda: _npy("{'descr': <f4"),
    "a header that is deep": lambda: _npy("(" * 5000 + ")" * 5000),
    "a header of 2 GB": lambda: b"\x93NUMPY\2\0" + struct.pack("<I", 2**31),
    "a header that is a list": lambda: _npy("[1, 2]"),
    "a header that calls": lambda: _npy("{'descr': __import__('os').system('true')}"),
    "a version of the future": lambda: _npy("{}", version=b"\x09\0"),
    "texts": lambda: _shaped("(4,)", "'<U4'"),
    "objects": lambda: _shaped("(4,)", "'|O'"),
    "records": lambda: _shaped("(4,)", "[('a', '<f4')]"),
    "complex numbers": lambda: _shaped("(4, 1, 8, 8)", "'<c8'"),
    "times": lambda: _shaped("(4, 1, 8, 8)", "'<M8[s]'"),
    "a type that is none": lambda: _shaped("(4,)", "'zz'"),
    "an encrypted archive": _encrypted,
    "an archive packed with method 99": lambda: _packed(99),
    "an archive packed with LZMA": lambda: _archive(_array(), method=zipfile.ZIP_LZMA),
    "an archive of a raw member": lambda: _archive(b"raw", "images"),
    "an archive of a raw .npy": lambda: _archive(b"raw"),
    "an archive of two others": lambda: _zip(**{"a.npy": _array(), "b.npy": _array()}),
    "an archive of 2,000 members": lambda: _zip(**{f"{n}.npy": b"" for n in range(2000)}),
    "an archive that swells": _swelling,
    "an archive of a gigabyte of nothing": lambda: _archive(
        _shaped("(4000000, 1, 8, 8)") + bytes(2**22)
    ),
    "values that are not finite": lambda: _shaped("(4, 1, 8, 8)")[:-4096] + b"\xff" * 4096,
    "one dimension": lambda: _shaped("(64,)"),
    "no images": lambda: _shaped("(0, 1, 8, 8)"),
}


# --- weights ---


def _safetensors(header: object, data: bytes = b"") -> bytes:
    text = header if isinstance(header, str) else json.dumps(header)
    return struct.pack("<Q", len(text.encode())) + text.encode() + data


def _one(**more: object) -> dict[str, object]:
    return {"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4], **more}}


WEIGHTS: Mapping[str, Callable[[], bytes]] = {
    "metadata that are a list": lambda: _safetensors({"__metadata__": [], **_one()}, bytes(4)),
    "metadata that are null": lambda: _safetensors({"__metadata__": None, **_one()}, bytes(4)),
    "deep metadata": lambda: _safetensors('{"__metadata__": ' + DEEP + "}"),
    "a header of 2⁶³ bytes": lambda: struct.pack("<Q", 2**63) + b"{" + bytes(100),
    "a header that is a list": lambda: _safetensors("[]"),
    "a deep header": lambda: _safetensors('{"a":' * 100_000),
    "an offset below nothing": lambda: _safetensors(_one(data_offsets=[-4, 0]), bytes(4)),
    "an offset past the end": lambda: _safetensors(_one(data_offsets=[0, 2**60]), bytes(4)),
    "a shape of 2¹²⁶": lambda: _safetensors(_one(shape=[2**63, 2**63]), bytes(4)),
    "a type that is none": lambda: _safetensors(_one(dtype="X9"), bytes(4)),
    "an index of files elsewhere": lambda: json.dumps(
        {"weight_map": {"w": "../outside/secret"}}
    ).encode(),
    "an index of itself": lambda: json.dumps({"weight_map": {"w": "weights.pt"}}).encode(),
    "a deep index": lambda: b'{ "weight_map": ' + DEEP.encode(),
    "a pickle that calls": lambda: b"\x80\x02cposix\nsystem\nX\x04\0\0\0true\x85R.",
    "an archive whose pickle is cut off": lambda: _zip(**{"a/data.pkl": b"\x80\x02}q\0"}),
    "an archive whose pickle is deep": lambda: _zip(**{"a/data.pkl": b"\x80\x02" + b"(" * 10**5}),
    "an archive of a program": lambda: _zip(**{"a/data.pkl": b"", "a/constants.pkl": b""}),
}


@functools.cache
def _of_the_run() -> tuple[dict[str, Any], dict[str, Any]]:
    """The tensors and the record of the checkpoint of a run that ended."""
    from resnet_compiler.lab.saved import read

    path = sorted((sound_run() / "run" / "checkpoints").iterdir())[-1]
    found = read(path)
    return dict(found.tensors), dict(found.record)


def _signed(tensors: dict[str, Any] | None = None, **record: object) -> bytes:
    """A checkpoint of the run with something changed, and the digest that it should then have."""
    from safetensors.torch import save

    from resnet_compiler.lab.saved import _digest

    held, said = _of_the_run()
    tensors, said = {**held, **(tensors or {})}, {**said, **record}
    tensors = {name: each for name, each in tensors.items() if each is not None}
    account = {"sha256": _digest(tensors, said), "record": said}
    return save(tensors, {"resnetc": json.dumps(account)})


def _with_metadata(text: str) -> bytes:
    from safetensors.torch import save

    return save(_of_the_run()[0], {"resnetc": text})


def _in_bfloat16() -> bytes:
    import torch
    from safetensors.torch import save

    tensors = {name: each.to(torch.bfloat16) for name, each in _of_the_run()[0].items()}
    return save(tensors, {"resnetc": json.dumps({"sha256": "0", "record": {}})})


def _tensor(*shape: int, of: str = "float32") -> Any:
    import torch

    return torch.zeros(shape, dtype=getattr(torch, of))


RUN_CHECKPOINTS: Mapping[str, Callable[[], bytes]] = {
    **{
        f"an account that is {text[:20]}": functools.partial(_with_metadata, text)
        for text in ("[]", "null", "1", '"x"', DEEP, "{}", '{"record": []}', "{", '{"record": {}}')
    },
    "tensors in bfloat16": _in_bfloat16,
    "a tensor too few": lambda: _signed({"sums": None}),
    "a tensor too many": lambda: _signed({"momentum.nothing": _tensor(1)}),
    "a tensor of another shape": lambda: _signed({"network.fc.bias": _tensor(7)}),
    "sums of another type": lambda: _signed({"sums": _tensor(2)}),
    "a step that is a text": lambda: _signed(step="2"),
    "a step below nothing": lambda: _signed(step=-1),
    "a step that never comes": lambda: _signed(step=10**9),
    "a step that is true": lambda: _signed(step=True),
    "rows that are a number": lambda: _signed(rows=3),
    "rows that are lists": lambda: _signed(rows=[[1], [2]]),
    "rows of other keys": lambda: _signed(rows=[{"a": 1}]),
    "rows of texts": lambda: _signed(
        rows=[dict.fromkeys(_of_the_run()[1]["rows"][0], "x") for _ in range(2)]
    ),
    "no rows": lambda: _signed(rows=[]),
    "an ending that is none": lambda: _signed(ending="soon"),
    "an ending that is a list": lambda: _signed(ending=[]),
}

_RECORDS = ("null", "3", '"run"', "{", '{"settings": [[[]]]}', "{}", '{"settings": null}')
CRAFTED: Mapping[str, Mapping[str, Callable[[], bytes]]] = {
    "calibration picture": PICTURES,
    "training picture": PICTURES,
    "array": ARRAYS,
    "checkpoint": WEIGHTS,
    "run checkpoint": {**WEIGHTS, **RUN_CHECKPOINTS},
    "run record": {
        **{f"an account that is {text}": text.encode for text in _RECORDS},
        "settings that are deep": lambda: b'{"settings": ' + DEEP.encode(),
        "settings that are deep, closed": lambda: (
            '{"settings": ' + "[" * 900 + "]" * 900 + "}"
        ).encode(),
    },
    "spec": {
        "brackets": DEEP.encode,
        "two megabytes": lambda: b"name: x\n" + b"#" * 2 * 10**6,
        "an alias": lambda: b"a: &a [1]\nb: *a\n",
    },
    "table": {
        "a NUL": lambda: b"family,depth\n\0,1\n",
        "a field of a megabyte": lambda: b'"' + b"x" * 10**6 + b'"\n',
    },
    "ONNX": {
        "lengths that never end": lambda: b"\x3a" + b"\xff" * 20,
        "a graph of 4 GB": lambda: b"\x3a\xff\xff\xff\xff\x0f" + bytes(100),
        "messages inside each other": lambda: _nested(200),
        "a graph of nothing": lambda: b"\x3a\0",
        "groups": lambda: b"\x3b\x3c" * 100,
    },
}


def _nested(depth: int) -> bytes:
    """A graph in an attribute of a node in a graph in …"""
    data = b""
    for _ in range(depth):
        for tag in (b"\x32", b"\x2a", b"\x0a"):  # attribute.g, node.attribute, graph.node
            data = tag + _varint(len(data)) + data
    return b"\x3a" + _varint(len(data)) + data


def _varint(number: int) -> bytes:
    pieces = []
    while True:
        number, low = number >> 7, number & 127
        pieces.append(low | (128 if number else 0))
        if not number:
            return bytes(pieces)


# --- sound files, to be changed ---


@functools.cache
def _weights() -> tuple[bytes, ...]:
    import torch
    from safetensors.torch import save

    from resnet_compiler.weights import initial, tensors
    from support.specs import compile_text

    graph = compile_text(NET)
    state = {name: torch.from_numpy(initial(name, each, 0).copy()) for name, each in tensors(graph)}
    legacy = _saved(lambda s: torch.save(state, s, _use_new_zipfile_serialization=False))
    return save(state), _saved(lambda stream: torch.save(state, stream)), legacy


@functools.cache
def _onnx() -> bytes:
    import resnet_compiler
    from support.specs import compile_text

    return resnet_compiler.emit_onnx(compile_text(NET))


@functools.cache
def sound(kind: str) -> tuple[bytes, ...]:
    """Files that the command for the kind takes."""
    run = sound_run() / "run" if kind.startswith("run") else None
    match kind:
        case "spec" | "watched":
            return (NET.encode(),)
        case "block":
            return (BLOCK.encode(),)
        case "calibration picture" | "training picture":
            forms = tuple(_picture(form) for form in ("PNG", "JPEG", "WEBP", "BMP", "TIFF"))
            return (
                _picture("PNG", "L"),
                *forms,
                _picture("PNG", "P"),
                _picture("TIFF", compression="tiff_lzw"),
            )
        case "array":
            return _array(), _archive(_array()), _archive(_array(), method=zipfile.ZIP_STORED)
        case "CIFAR file":
            return (bytes(3073 * 4),)
        case "checkpoint":
            return _weights()
        case "ONNX":
            return (_onnx(),)
        case "labels":
            return (b"cat\ndog\n",)
        case "table":
            return (
                b"family,depth,seed,epoch,loss,training_error,held_out_error\nplain,20,0,1,1.0,0.5,0.5\n",
            )
        case "record":
            return (b'{"a": 1}\n{"b": [1]}\n',)
        case "run record":
            assert run is not None
            return ((run / "run.json").read_bytes(),)
        case "run checkpoint":
            assert run is not None
            return (sorted((run / "checkpoints").iterdir())[-1].read_bytes(),)
    return (hashlib.sha256(kind.encode()).digest(),)
