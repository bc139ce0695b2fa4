"""IDX files, the format of MNIST: a big-endian header of type and lengths, then the elements."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy

ELEMENT_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


class DataFileError(ValueError):
    """A data file cannot be read, or does not hold what its header promises."""


def read_idx(path: str | Path) -> Any:
    """Read an IDX file, plain or compressed with gzip.

    Args:
        path: the file; whether it is compressed is seen from its contents.

    Returns:
        A NumPy array of the file's shape and element type, in native byte order.

    Raises:
        DataFileError: the file cannot be read, is no IDX file, or is cut off; names the file and what is wrong.

    Source:
        Y. LeCun, C. Cortes, C. Burges: The MNIST database of handwritten digits, section "File formats".
    """
    data = _contents(Path(path))
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in ELEMENT_TYPES:
        raise DataFileError(f"{path}: not an IDX file: it begins with {data[:4].hex(' ') or 'nothing'}")
    dtype, ndim = numpy.dtype(ELEMENT_TYPES[data[2]]), data[3]
    start = 4 + 4 * ndim
    if len(data) < start:
        raise DataFileError(f"{path}: truncated in its header: {len(data)} bytes, a header of {start} needed")
    shape = struct.unpack(f">{ndim}I", data[4:start])
    expected = start + math.prod(shape) * dtype.itemsize
    if len(data) != expected:
        problem = "truncated" if len(data) < expected else "longer than its header says"
        raise DataFileError(f"{path}: {problem}: {len(data)} bytes, {expected} needed for shape {shape}")
    return numpy.frombuffer(data, dtype, offset=start).reshape(shape).astype(dtype.newbyteorder("="))


def _contents(path: Path) -> bytes:
    try:
        raw = path.read_bytes()
        return gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    except OSError as error:  # gzip's own errors among them
        raise DataFileError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (EOFError, zlib.error) as error:
        raise DataFileError(f"{path}: truncated or damaged gzip data") from error
