"""Writes tensorlib/_methods.pyi: the methods and operators of Tensor, for type checkers and editors.

Usage: .venv/bin/python scripts/stubs.py [--check]
With --check nothing is written, and the exit code says whether the file is current.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import tensorlib  # noqa: E402, F401 - fills the tables below
from tensorlib.attach import METHODS, PROPERTIES  # noqa: E402
from tensorlib.autograd.op import OPS, Op  # noqa: E402
from tensorlib.methods import REFLECTED  # noqa: E402

STUBS = ROOT / "tensorlib" / "_methods.pyi"
HEAD = '''"""Methods of Tensor that come from tables. Written by scripts/stubs.py; do not edit."""

import builtins
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy

from tensorlib.random import Generator
from tensorlib.tensor import Tensor

Number = builtins.int | builtins.float | builtins.complex
Operand = Tensor | Number | numpy.ndarray[Any, Any]

class ValuesAndIndices(NamedTuple):
    values: Tensor
    indices: Tensor

class TensorMethods:
'''
WIDTH = 120
KNOWN = {"Any", "Iterator", "None", "Tensor", "Generator"}
# What operations return that do not return one tensor.
RESULTS = {
    "cummax": "ValuesAndIndices",
    "cummin": "ValuesAndIndices",
    "frexp": "Any",
    "mode": "ValuesAndIndices",
    "allclose": "builtins.bool",
    "equal": "builtins.bool",
    "kthvalue": "ValuesAndIndices",
    "nonzero": "Any",  # a tuple with as_tuple
    "sort": "ValuesAndIndices",
    "topk": "ValuesAndIndices",
    "unique": "Any",  # a tuple where more is asked for
    "where": "Any",  # a tuple with the condition alone
}
RENAMED = ("dim", "keepdim", "shape")  # options with other spellings beside their own


def type_text(annotation: Any) -> str:
    """Return an annotation as it may stand within the class, where methods are called like built-in types."""
    text = annotation if isinstance(annotation, str) else "Any"
    names = set(re.findall(r"[A-Za-z_]\w*", text))
    if not all(name in KNOWN or hasattr(builtins, name) for name in names):
        return "Any"
    plain = names - KNOWN
    return re.sub(r"[A-Za-z_]\w*", lambda found: f"builtins.{found[0]}" if found[0] in plain else found[0], text)


def default_text(parameter: inspect.Parameter) -> str:
    """Return `= ...` for what need not be given."""
    return "" if parameter.default is parameter.empty else " = ..."


def operation_parameters(op: Op) -> list[str]:
    """Return the parameters of an operation as a method."""
    annotations = op.forward.__annotations__
    packs = op.signature.packs
    parts = ["self"]
    for name, parameter in list(op.signature.public.parameters.items())[1:]:
        if name == packs:
            continue
        number = op.promotion is not None or op.numbers
        kind = type_text(annotations.get(name))
        if name in op.signature.inputs:
            kind = ("Operand" if number else "Tensor") + (" | None" if parameter.default is None else "")
        parts.append(f"{name}: {kind}{default_text(parameter)}")
    if packs:
        parts.insert(1, f"*{packs}: Any")
    if packs or set(RENAMED) & set(op.signature.options):
        parts.append("**named: Any")
    return parts


def function_parameters(function: Callable[..., Any]) -> list[str]:
    """Return the parameters of a function as a method; its first one is the tensor."""
    parts = ["self"]
    star = False
    for parameter in list(inspect.signature(function).parameters.values())[1:]:
        prefix = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        if parameter.kind is parameter.KEYWORD_ONLY and not star:
            parts.append("*")
        star = star or parameter.kind in (parameter.KEYWORD_ONLY, parameter.VAR_POSITIONAL)
        parts.append(f"{prefix}{parameter.name}: {type_text(parameter.annotation)}{default_text(parameter)}")
    if hasattr(function, "__wrapped__"):  # it takes other spellings of its options
        parts.append("**named: Any")
    return parts


def method(name: str, parameters: list[str], result: str) -> str:
    """Return the lines of one method, laid out as ruff would."""
    text = ", ".join(parameters)
    line = f"    def {name}({text}) -> {result}: ..."
    if len(line) <= WIDTH:
        return line
    inner = text if len(text) + 8 <= WIDTH else ",\n        ".join(parameters) + ","
    return f"    def {name}(\n        {inner}\n    ) -> {result}: ..."


def operation_lines() -> dict[str, str]:
    """Return the methods that are operations, and their in-place variants, by name."""
    lines = {}
    for name, op in OPS.items():
        parameters = operation_parameters(op)
        if op.method:
            lines[name] = method(name, parameters, RESULTS.get(op.name, "Tensor"))
        if op.in_place:
            lines[name + "_"] = method(name + "_", parameters, "Tensor")
    return lines


def operator_lines() -> dict[str, str]:
    """Return the operators by name."""
    lines = {}
    for op in OPS.values():
        name = op.operator
        if name == "getitem":
            lines["__getitem__"] = method("__getitem__", ["self", "index: Any"], "Tensor")
        elif name and len(op.signature.inputs) == 1:
            lines[f"__{name}__"] = method(f"__{name}__", ["self"], "Tensor")
        elif name:
            names = [f"__{name}__"]
            names += [f"__r{name}__"] * (name in REFLECTED) + [f"__i{name}__"] * (name in REFLECTED and op.in_place)
            ignored = "  # type: ignore[override]" if name in ("eq", "ne") else ""
            lines |= {each: method(each, ["self", "other: Operand"], "Tensor") + ignored for each in names}
    return lines


def function_lines() -> dict[str, str]:
    """Return the methods and properties that are no operations, by name."""
    lines = {}
    for name, function in METHODS.items():
        result = type_text(inspect.signature(function).return_annotation)
        lines[name] = method(name, function_parameters(function), result) + _ignored(name)
    for name in PROPERTIES:
        lines[name] = "    @property\n" + method(name, ["self"], "Tensor") + _ignored(name)
    return lines


def _ignored(name: str) -> str:
    return "" if name.islower() else "  # noqa: N802"


def own_names() -> set[str]:
    """Return what the class Tensor defines itself."""
    tree = ast.parse((ROOT / "tensorlib" / "tensor.py").read_text())
    (tensor,) = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Tensor"]
    return {node.name for node in tensor.body if isinstance(node, ast.FunctionDef)}


def stub_text() -> str:
    """Return the text of the stub file."""
    lines = operation_lines() | operator_lines() | function_lines()
    return HEAD + "\n".join(lines[name] for name in sorted(set(lines) - own_names())) + "\n"


def main() -> int:
    """Write the file, or say whether it is current."""
    text = stub_text()
    if "--check" in sys.argv[1:]:
        return int(STUBS.read_text() != text)
    STUBS.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
