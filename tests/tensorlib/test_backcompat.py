"""Switches for programs from before broadcasting; each test in a process of its own, since operations stay changed."""

from __future__ import annotations

import subprocess
import sys


def printed(code: str) -> list[str]:
    head = "import warnings, tensorlib\nfrom tensorlib.utils import backcompat\nwarnings.simplefilter('error')\n"
    done = subprocess.run([sys.executable, "-c", head + code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_warnings_where_shapes_are_broadcast():
    code = """
x, y = tensorlib.ones(4, 1), tensorlib.ones(4)
print(tuple((x + y).shape))
tensorlib.utils.backcompat.broadcast_warning.enabled = True
for call in (lambda: x + y, lambda: tensorlib.add(x, y), lambda: x.mul(y)):
    try:
        call()
    except UserWarning as warning:
        print(str(warning)[:60])
x + 1, x + x, x + tensorlib.ones(1)
backcompat.broadcast_warning.enabled = False
print(tuple((x + y).shape))
"""
    said = "{}: the tensors do not have the same shape, but are broadcastable"
    assert printed(code) == ["(4, 4)", *[said.format(op)[:60] for op in ("add", "add", "mul")], "(4, 4)"]


def test_rows_of_elements():
    code = """
warnings.simplefilter("always")
x, y = tensorlib.ones(2, 2, requires_grad=True), tensorlib.arange(4.0)
try:
    x + y
except ValueError:
    print("refused")
backcompat.pointwise.enabled = True
with warnings.catch_warnings(record=True) as caught:
    z = x * y
    print(z.tolist(), tensorlib.addcmul(tensorlib.zeros(2, 3), tensorlib.ones(6), tensorlib.ones(6, 1)).shape)
    z.sum().backward()
    print(x.grad.tolist(), caught[0].category.__name__)
try:
    x + tensorlib.ones(3)
except ValueError:
    print("refused")
"""
    assert printed(code) == [
        "refused",
        "[[0.0, 1.0], [2.0, 3.0]] tensorlib.Size([2, 3])",
        "[[0.0, 1.0], [2.0, 3.0]] DeprecationWarning",
        "refused",
    ]
