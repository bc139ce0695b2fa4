"""Reading IDX files."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy
import pytest

from tensorlib.vision import DataFileError, read_idx

PIXELS = numpy.arange(24, dtype="u1").reshape(2, 3, 4)


def idx_bytes(array: numpy.ndarray, code: int = 0x08) -> bytes:
    return bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_plain_and_compressed(tmp_path: Path, pack: type[bytes]) -> None:
    (tmp_path / "images").write_bytes(pack(idx_bytes(PIXELS)))
    numpy.testing.assert_array_equal(read_idx(tmp_path / "images"), PIXELS)


def test_big_endian_elements_become_native(tmp_path: Path) -> None:
    values = numpy.array([1, -2, 70000], ">i4")
    (tmp_path / "values").write_bytes(idx_bytes(values, 0x0C))
    read = read_idx(tmp_path / "values")
    assert read.dtype == numpy.dtype("=i4")
    assert read.tolist() == [1, -2, 70000]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (idx_bytes(PIXELS)[:-1], r"truncated: 39 bytes, 40 needed for shape \(2, 3, 4\)"),
        (idx_bytes(PIXELS) + b"x", "longer than its header says: 41 bytes, 40 needed"),
        (idx_bytes(PIXELS)[:9], "truncated in its header: 9 bytes, a header of 16 needed"),
        (b"", "not an IDX file: it begins with nothing"),
        (b"PNG image", "not an IDX file: it begins with 50 4e 47 20"),
        (gzip.compress(idx_bytes(PIXELS), mtime=0)[:-9], "truncated or damaged gzip data"),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "bad").write_bytes(content)
    with pytest.raises(DataFileError, match=f"bad: {message}"):
        read_idx(tmp_path / "bad")


def test_missing_file_and_directory(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match="absent: cannot be read: No such file"):
        read_idx(tmp_path / "absent")
    with pytest.raises(DataFileError, match="cannot be read: Is a directory"):
        read_idx(tmp_path)
