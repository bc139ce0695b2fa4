"""Random indices of every kind, and mixes of them: what they give, what they write, and their gradients."""

from __future__ import annotations

import math
import random

import numpy
import pytest

import tensorlib

torch = pytest.importorskip("torch")

SHAPES = [(), (5,), (3, 4), (2, 3, 4), (2, 1, 3, 2), (0, 3)]


def indices(generator: random.Random, shape: tuple[int, ...]) -> list[tuple[str, object]]:
    """Return items of an index as pairs of a kind and a value, from which each library makes its own."""
    items: list[tuple[str, object]] = []
    axis, length = 0, generator.choice([1, 1, 2, 3])  # of the index tensors, so that they broadcast
    while axis < len(shape) and generator.random() < 0.85:
        kinds = ["slice", "slice", "none", "mask"] + ["int", "list", "tensor", "number"] * (shape[axis] > 0)
        if ("plain", Ellipsis) not in items:
            kinds.append("ellipsis")
        kind = generator.choice(kinds)
        if kind == "none":
            items.append(("plain", None))
        elif kind == "ellipsis":
            items.append(("plain", Ellipsis))
            axis = generator.randint(axis, len(shape))
        elif kind == "mask":
            lengths = shape[axis : axis + generator.choice([1, 1, 2])]
            items.append(
                ("tensor", numpy.array(generator.choices([False, True], k=math.prod(lengths))).reshape(lengths) > 0)
            )
            axis += len(lengths)
        else:
            items.append(item(generator, kind, shape[axis], length))
            axis += 1
    return items


def item(generator: random.Random, kind: str, n: int, length: int) -> tuple[str, object]:
    """Return an item for one dimension of length n."""
    if kind == "int":
        return "plain", generator.randrange(-n, n)
    if kind == "number":
        return "tensor", numpy.int64(generator.randrange(n))
    if kind == "list":
        return "plain", [generator.randrange(-n, n) for _ in range(length)]
    if kind == "slice":
        start, stop = (generator.choice([None, generator.randrange(-n - 1, n + 2)]) for _ in range(2))
        return "plain", slice(start, stop, generator.choice([None, 1, 2, 3]))
    size = generator.choice([(length,), (1,), (2, length)])
    return "tensor", numpy.array([generator.randrange(n) for _ in range(math.prod(size))]).reshape(size)


def made(items, library):
    found = [library.from_numpy(numpy.asarray(value)) if kind == "tensor" else value for kind, value in items]
    return found[0] if len(found) == 1 else tuple(found)


def taken(tensor, items, library):
    """Return what an index gives, or the class of the error that it raises."""
    try:
        return tensor[made(items, library)]
    except (IndexError, RuntimeError, ValueError) as error:
        return type(error)


def text(items):
    return ", ".join(str(value).replace("\n", "") for _, value in items)


@pytest.mark.parametrize("seed", range(40))
def test_as_pytorch(seed):
    generator = random.Random(seed)
    compared = 0
    for _ in range(25):
        shape = generator.choice(SHAPES)
        values = numpy.arange(float(numpy.prod(shape))).reshape(shape)
        items = indices(generator, shape)
        ours = tensorlib.tensor(values, requires_grad=True)
        theirs = torch.tensor(values, requires_grad=True)
        here, there = taken(ours, items, tensorlib), taken(theirs, items, torch)
        if isinstance(there, type):
            assert isinstance(here, type), f"{shape}[{text(items)}] gives {here}"
            continue
        assert not isinstance(here, type), f"{shape}[{text(items)}] raises {here}"
        assert tuple(here.shape) == tuple(there.shape), f"{shape}[{text(items)}]"
        numpy.testing.assert_array_equal(here.detach().numpy(), there.detach().numpy(), f"{shape}[{text(items)}]")
        here.sin().sum().backward()
        there.sin().sum().backward()
        numpy.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), rtol=1e-12, err_msg=text(items))
        if all(kind == "plain" and not isinstance(value, list) for kind, value in items) and here.numel():
            steps = [(a, b) for n, a, b in zip(here.shape, here.stride(), there.stride(), strict=True) if n > 1]
            assert all(a == b for a, b in steps), f"{shape}[{text(items)}]"
        if there.numel():
            written(values, items, there)
        compared += 1
    assert compared > 5


def written(values, items, part):
    """Write a number and a tensor; where an index names an element twice any of the values may stay."""
    several = -numpy.arange(1.0, part.numel() + 1).reshape(tuple(part.shape))
    for value in (-1.0, several[..., :1] if several.ndim else several):
        ours, theirs = tensorlib.tensor(values), torch.tensor(values)
        places = torch.arange(float(values.size)).reshape(values.shape)[made(items, torch)].flatten().tolist()
        if isinstance(value, numpy.ndarray) and len(set(places)) < len(places):
            continue
        ours[made(items, tensorlib)] = tensorlib.from_numpy(value) if isinstance(value, numpy.ndarray) else value
        theirs[made(items, torch)] = torch.from_numpy(value) if isinstance(value, numpy.ndarray) else value
        numpy.testing.assert_array_equal(ours.numpy(), theirs.numpy(), text(items))


@pytest.mark.parametrize("index", [(0, 0, 0), 3, -4, [3], [-4], (slice(None), 4), "a", 1.5, [[0], [5]]])
def test_what_is_refused(index):
    with pytest.raises((IndexError, TypeError)):
        torch.zeros(3, 4)[index]
    with pytest.raises((IndexError, TypeError)):
        tensorlib.zeros(3, 4)[index]
    x = tensorlib.zeros(3, 4)
    with pytest.raises((IndexError, TypeError)):
        x[index] = 1
    assert x.tolist() == tensorlib.zeros(3, 4).tolist()
