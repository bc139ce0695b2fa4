"""Einstein's summation: products of any number of tensors, summed over the dimensions that the result lacks."""

from __future__ import annotations

import string
from typing import Any

from tensorlib.attach import public_function
from tensorlib.autograd.op import op
from tensorlib.errors import ArgumentError, ShapeError
from tensorlib.ops.diagonals import diagonal
from tensorlib.tensor import Tensor


@op(method=False)
def contract(xp: Any, *tensors: Any, terms: tuple[str, ...], result: str) -> Any:
    """Return the product of tensors, summed over the dimensions that the result lacks.

    Args:
        tensors: the factors.
        terms: for each factor the letters of its dimensions, each once.
        result: the letters of the result's dimensions, each once and in some factor.

    Example:
        >>> tensorlib.contract([tensorlib.ones(2, 3), tensorlib.ones(3)], terms=("ab", "b"), result="a")
        tensor([3., 3.])
    """
    value = xp.einsum(f"{','.join(terms)}->{result}", *tensors, optimize=len(tensors) > 1)
    value = value.copy() if len(tensors) == 1 else xp.ascontiguousarray(value).reshape(value.shape)  # not 1-d for 0-d
    return value, (terms, result, *tensors)


def _gradient(xp: Any, g: Any, k: int, terms: tuple[str, ...], result: str, *tensors: Any) -> Any:
    """Contract the gradient with the other factors; dimensions that only this factor had are repeated."""
    others = [j for j in range(len(terms)) if j != k]
    known = set(result).union(*[terms[j] for j in others])
    letters = "".join(letter for letter in terms[k] if letter in known)
    factors = [g, *[tensors[j] for j in others]]
    part = contract.via(xp, factors, terms=(result, *[terms[j] for j in others]), result=letters)
    shape = tensors[k].shape
    kept = tuple([n if letter in known else 1 for letter, n in zip(terms[k], shape, strict=True)])
    return xp.broadcast_to(part.reshape(kept), tuple(shape))


contract.grads(_gradient)


@public_function
def einsum(equation: Any, *operands: Any) -> Tensor:
    """Return the sum of products that an equation describes.

    Args:
        equation: letters for the dimensions of each operand, separated by commas, then perhaps `->` and those of the
            result: "bij,bjk->bik". Without `->` the result has the letters that occur once, in alphabetical order.
            `...` stands for further dimensions, which broadcast.
            Instead of an equation there may be tensors, each followed by a list of the numbers of its dimensions, and
            then perhaps such a list for the result: `einsum(x, [0, 1], y, [1, 2], [0, 2])`.
        operands: one tensor for each group of letters, or one sequence of them.

    Raises:
        ArgumentError: the equation cannot be understood.
        ShapeError: it does not fit the operands.

    Example:
        >>> tensorlib.einsum("ij,jk->ik", tensorlib.ones(2, 3), tensorlib.ones(3, 1))
        tensor([[3.],
                [3.]])
    """
    if not isinstance(equation, str):
        equation, operands = _from_lists((equation, *operands))
    tensors = list(operands[0]) if len(operands) == 1 and isinstance(operands[0], (list, tuple)) else list(operands)
    given, arrow, result = equation.replace(" ", "").partition("->")
    terms = given.split(",")
    if len(terms) != len(tensors) or not all(isinstance(tensor, Tensor) for tensor in tensors):
        raise ArgumentError(f"einsum: the equation {equation!r} needs {len(terms)} tensors, {len(tensors)} given")
    terms, extra = _written_out(equation, terms, tensors)
    if not arrow:
        every = "".join(terms)
        result = "..." + "".join(sorted(letter for letter in set(every) - set(extra) if every.count(letter) == 1))
    result = result.replace("...", extra)
    if len(set(result)) != len(result) or not set(result) <= set("".join(terms)):
        raise ArgumentError(f"einsum: the result in {equation!r} repeats a letter, or has one that no operand has")
    prepared = [_without_repeats(term, tensor) for term, tensor in zip(terms, tensors, strict=True)]
    terms, tensors = _of_one_length(equation, [term for term, _ in prepared], [tensor for _, tensor in prepared])
    return contract(tensors, terms=tuple(terms), result=result)  # type: ignore[no-any-return]


def _from_lists(arguments: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """Return the equation, and the tensors, of tensors and lists of numbers that take turns."""
    pairs = len(arguments) // 2
    lists = [*arguments[1 : 2 * pairs : 2], *arguments[2 * pairs :]]
    if not pairs or not all(isinstance(each, (list, tuple)) for each in lists):
        raise ArgumentError("einsum: needs an equation, or tensors that are each followed by a list of integers")
    terms = ["".join(_letter(number) for number in each) for each in lists]
    equation = ",".join(terms[:pairs]) + "".join("->" + term for term in terms[pairs:])
    return equation, arguments[: 2 * pairs : 2]


def _letter(number: Any) -> str:
    if number is Ellipsis:
        return "..."
    if not isinstance(number, int) or not 0 <= number < len(string.ascii_letters):
        raise ArgumentError(f"einsum: a dimension's number must be from 0 to 51 or ..., not {number!r}")
    return string.ascii_letters[number]


def _written_out(equation: str, terms: list[str], tensors: list[Tensor]) -> tuple[list[str], str]:
    """Put letters in the place of dots; returns the terms and the letters of the longest run of dots."""
    spare = [letter for letter in string.ascii_letters if letter not in equation]
    hidden = [tensor.ndim - len(term.replace("...", "")) for term, tensor in zip(terms, tensors, strict=True)]
    extra = "".join(spare[: max(0, *hidden)] if hidden else [])
    written = []
    for term, count, tensor in zip(terms, hidden, tensors, strict=True):
        full = term.replace("...", extra[len(extra) - count :] if count > 0 else "", 1)
        if len(full) != tensor.ndim or not all(letter in string.ascii_letters for letter in full):
            shape = tuple(tensor.shape)
            raise ShapeError(f"einsum: {term!r} in {equation!r} does not describe an operand of shape {shape}")
        written.append(full)
    return written, extra


def _without_repeats(term: str, tensor: Tensor) -> tuple[str, Tensor]:
    """Take the diagonal of dimensions that have the same letter."""
    for letter in sorted(set(term)):
        while term.count(letter) > 1:
            first = term.index(letter)
            second = term.index(letter, first + 1)
            if tensor.shape[first] != tensor.shape[second]:
                shape = tuple(tensor.shape)
                raise ShapeError(f"einsum: {letter!r} stands for two lengths in an operand of shape {shape}")
            tensor = diagonal(tensor, 0, first, second)
            term = term[:first] + term[first + 1 : second] + term[second + 1 :] + letter
    return term, tensor


def _of_one_length(equation: str, terms: list[str], tensors: list[Tensor]) -> tuple[list[str], list[Tensor]]:
    """Expand dimensions of length 1 where the same letter has another length elsewhere."""
    lengths: dict[str, int] = {}
    for term, tensor in zip(terms, tensors, strict=True):
        for letter, length in zip(term, tensor.shape, strict=True):
            have = lengths.setdefault(letter, length)
            if have != length and 1 not in (have, length):
                raise ShapeError(f"einsum: {letter!r} in {equation!r} stands for lengths {have} and {length}")
            lengths[letter] = length if have == 1 else have
    wide = [t.expand([lengths[letter] for letter in term]) for term, t in zip(terms, tensors, strict=True)]
    return terms, wide
