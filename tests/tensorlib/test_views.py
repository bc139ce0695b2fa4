"""Operations that give views share memory, versions and histories; the others do not."""

from __future__ import annotations

import pytest

import tensorlib

VIEWS = {
    "reshape": lambda x: x.reshape(3, 2),
    "view": lambda x: x.view(-1),
    "flatten": lambda x: x.flatten(),
    "unflatten": lambda x: x.unflatten(1, (3, 1)),
    "squeeze": lambda x: x.squeeze(),
    "unsqueeze": lambda x: x.unsqueeze(0),
    "transpose": lambda x: x.transpose(0, 1),
    "T": lambda x: x.T,
    "mT": lambda x: x.mT,
    "t": lambda x: x.t(),
    "permute": lambda x: x.permute(1, 0),
    "movedim": lambda x: x.movedim(0, 1),
    "expand to the same": lambda x: x.expand(1, 2, 3),
    "narrow": lambda x: x.narrow(0, 0, 2),
    "select": lambda x: x.select(0, 0),
    "diagonal": lambda x: x.diagonal(),
    "getitem": lambda x: x[0:, None, ..., 0],
    "element": lambda x: x[0, 0],
    "split": lambda x: x.split(1)[0],
    "chunk": lambda x: x.chunk(2, 1)[0],
    "tensor_split": lambda x: x.tensor_split(2)[0],
    "unbind": lambda x: x.unbind()[0],
    "detach": lambda x: x.detach(),
    "view_as": lambda x: x.view_as(tensorlib.zeros(6)),
    "as_strided": lambda x: x.as_strided((2,), (1,)),
    "unfold": lambda x: x.unfold(1, 3, 1),
}
COPIES = {
    "clone": lambda x: x.clone(),
    "flip": lambda x: x.flip(0),
    "roll": lambda x: x.roll(0),
    "repeat": lambda x: x.repeat(1, 1),
    "list": lambda x: x[[0]],
    "mask": lambda x: x[x == x],
    "index_select": lambda x: x.index_select(0, tensorlib.tensor([0])),
    "contiguous of a transpose": lambda x: x.t().contiguous(),
    "to with copy": lambda x: x.to(tensorlib.float32, copy=True),
    "tensor": tensorlib.tensor,
}


@pytest.mark.parametrize("name", VIEWS)
def test_views(name):
    x = tensorlib.zeros(2, 3)
    view = VIEWS[name](x)
    before = x._counter[0]
    view.fill_(1)
    assert x[0, 0] == 1
    assert x._counter[0] == before + 1


@pytest.mark.parametrize("name", sorted(VIEWS.keys() - {"detach"}))
def test_history_through_views(name):
    x = tensorlib.ones(2, 3, requires_grad=True)
    y = x * 1
    VIEWS[name](y).mul_(3)
    y.sum().backward()
    assert x.grad.tolist() == y.tolist()
    assert x.grad[0, 0] == 3


@pytest.mark.parametrize("name", COPIES)
def test_copies(name):
    x = tensorlib.zeros(2, 3)
    COPIES[name](x).fill_(1)
    assert x.sum() == 0


@pytest.mark.parametrize(
    "same",
    [lambda x: x.contiguous(), lambda x: x.to("cpu"), lambda x: x.float(), lambda x: x.cpu(), tensorlib.as_tensor],
)
def test_nothing_to_do_gives_the_tensor_itself(same):
    x = tensorlib.zeros(2)
    assert same(x) is x


def test_array_is_shared():
    import numpy

    array = numpy.zeros(2)
    tensorlib.from_numpy(array)[0] = 1
    tensorlib.as_tensor(array)[1] = 2
    assert array.tolist() == [1, 2]
    assert tensorlib.tensor(array).fill_(0).sum() == 0
    assert array.tolist() == [1, 2]
