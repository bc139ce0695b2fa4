"""Layers and losses, here and in PyTorch: outputs, gradients, buffers, from the same weights."""

from __future__ import annotations

import numpy
import pytest

import tensorlib

torch = pytest.importorskip("torch")

TOLERANCE = {"float32": 2e-5, "float64": 1e-12}
each_type = pytest.mark.parametrize("dtype", list(TOLERANCE))


def images(*shape, seed=0):
    return numpy.random.default_rng([seed, *shape]).standard_normal(shape)


LAYERS = {
    "linear": (lambda nn: nn.Linear(5, 3), images(4, 2, 5)),
    "linear without bias": (lambda nn: nn.Linear(5, 3, bias=False), images(5)),
    "conv1d": (lambda nn: nn.Conv1d(4, 6, 3, stride=2, padding=1, groups=2), images(2, 4, 9)),
    "conv2d": (lambda nn: nn.Conv2d(3, 4, 3), images(2, 3, 7, 6)),
    "conv2d same": (lambda nn: nn.Conv2d(2, 3, (2, 4), padding="same", dilation=(1, 2)), images(2, 2, 7, 6)),
    "conv2d reflect": (
        lambda nn: nn.Conv2d(2, 3, 3, padding=(1, 2), padding_mode="reflect", bias=False),
        images(2, 2, 5, 6),
    ),
    "conv2d circular": (lambda nn: nn.Conv2d(2, 3, 3, padding=1, padding_mode="circular"), images(2, 2, 5, 6)),
    "conv2d depthwise": (lambda nn: nn.Conv2d(4, 8, 5, stride=(2, 3), padding=2, groups=4), images(2, 4, 8, 9)),
    "conv2d single": (lambda nn: nn.Conv2d(2, 3, 3), images(2, 5, 6)),
    "conv3d": (lambda nn: nn.Conv3d(2, 3, (1, 2, 3), padding=(0, 1, 0)), images(1, 2, 3, 4, 5)),
    "max pool": (lambda nn: nn.MaxPool2d(3, stride=2, padding=1), images(2, 3, 7, 8)),
    "max pool ceil": (lambda nn: nn.MaxPool2d((2, 3), ceil_mode=True, dilation=(2, 1)), images(2, 3, 8, 7)),
    "max pool 1d": (lambda nn: nn.MaxPool1d(3), images(2, 3, 10)),
    "average pool": (lambda nn: nn.AvgPool2d(3, stride=2, padding=1), images(2, 3, 7, 8)),
    "average pool ceil": (
        lambda nn: nn.AvgPool2d((3, 2), padding=(1, 0), ceil_mode=True, count_include_pad=False),
        images(2, 3, 7, 9),
    ),
    "average pool ceil with padding": (
        lambda nn: nn.AvgPool2d(3, stride=2, padding=1, ceil_mode=True),
        images(1, 1, 6, 7),
    ),
    "average pool 1d": (lambda nn: nn.AvgPool1d(4, 3), images(2, 3, 11)),
    "adaptive average pool": (lambda nn: nn.AdaptiveAvgPool2d((3, 4)), images(2, 3, 7, 10)),
    "adaptive average pool to one": (lambda nn: nn.AdaptiveAvgPool2d(1), images(2, 3, 7, 10)),
    "batch norm 1d": (lambda nn: nn.BatchNorm1d(4), images(6, 4)),
    "batch norm of sequences": (lambda nn: nn.BatchNorm1d(4, momentum=None), images(6, 4, 3)),
    "batch norm 2d": (lambda nn: nn.BatchNorm2d(3, eps=1e-2, momentum=0.3), images(4, 3, 5, 2)),
    "batch norm without bias": (lambda nn: nn.BatchNorm2d(3, bias=False), images(4, 3, 5, 2)),
    "batch norm plain": (lambda nn: nn.BatchNorm2d(3, affine=False, track_running_stats=False), images(4, 3, 5, 2)),
    "relu": (lambda nn: nn.ReLU(), images(3, 4)),
    "relu6": (lambda nn: nn.ReLU6(), 5 * images(3, 4)),
    "silu": (lambda nn: nn.SiLU(), images(3, 4)),
    "leaky relu": (lambda nn: nn.LeakyReLU(0.3), images(3, 4)),
    "elu": (lambda nn: nn.ELU(0.7), images(3, 4)),
    "hardtanh": (lambda nn: nn.Hardtanh(-0.5, 0.6), images(3, 4)),
    "gelu": (lambda nn: nn.GELU(), images(3, 4)),
    "gelu tanh": (lambda nn: nn.GELU("tanh"), images(3, 4)),
    "softplus": (lambda nn: nn.Softplus(3.0, 2.0), images(3, 4)),
    "sigmoid": (lambda nn: nn.Sigmoid(), images(3, 4)),
    "log sigmoid": (lambda nn: nn.LogSigmoid(), images(3, 4)),
    "tanh": (lambda nn: nn.Tanh(), images(3, 4)),
    "softmax": (lambda nn: nn.Softmax(-1), images(3, 4)),
    "softmin": (lambda nn: nn.Softmin(0), images(3, 4)),
    "log softmax": (lambda nn: nn.LogSoftmax(1), images(3, 4, 2)),
    "dropout in evaluation": (lambda nn: nn.Dropout().eval(), images(3, 4)),
    "flatten": (lambda nn: nn.Flatten(1, 2), images(2, 3, 4, 5)),
    "small network": (
        lambda nn: nn.Sequential(
            *(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
            *(nn.Linear(4 * 3 * 4, 10), nn.Tanh(), nn.Linear(10, 3), nn.LogSoftmax(1)),
        ),
        images(5, 1, 6, 8),
    ),
}


def with_same_weights(build, dtype):
    """Build one module of each library, ours with a copy of the other's state."""
    torch.manual_seed(0)
    ours, theirs = build(tensorlib.nn), build(torch.nn)
    ours.to(getattr(tensorlib, dtype))
    theirs.to(getattr(torch, dtype))
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict({key: tensorlib.tensor(value.numpy()) for key, value in theirs.state_dict().items()})
    return ours, theirs


def assert_close(ours, theirs, dtype):
    theirs = theirs.detach().numpy()
    assert ours.dtype.name == theirs.dtype.name
    numpy.testing.assert_allclose(
        ours.detach().numpy(), theirs, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype], strict=True
    )


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths:UserWarning")
@each_type
@pytest.mark.parametrize(("build", "x"), list(LAYERS.values()), ids=list(LAYERS))
def test_layers(build, x, dtype):
    ours, theirs = with_same_weights(build, dtype)
    assert repr(ours) == repr(theirs)
    for batch in (x, x[..., ::-1] * 2):
        our_x = tensorlib.tensor(batch.copy(), dtype=dtype, requires_grad=True)
        their_x = torch.tensor(batch.copy(), dtype=getattr(torch, dtype), requires_grad=True)
        our_y, their_y = ours(our_x), theirs(their_x)
        assert_close(our_y, their_y, dtype)
        start = images(*their_y.shape, seed=1).astype(dtype)
        our_y.backward(tensorlib.tensor(start))
        their_y.backward(torch.tensor(start))
        assert_close(our_x.grad, their_x.grad, dtype)
    for our, their in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert_close(our.grad, their.grad, dtype)
    for our, their in zip(ours.buffers(), theirs.buffers(), strict=True):
        assert_close(our, their, dtype)
    ours.eval()
    theirs.eval()
    assert_close(ours(our_x), theirs(their_x), dtype)


CLASSES = numpy.array([2, 0, 3, 3, 1])
WEIGHT = numpy.array([0.5, 2.0, 1.0, 0.25])
SHARES = numpy.abs(images(5, 4, seed=3)) / numpy.abs(images(5, 4, seed=3)).sum(1, keepdims=True)
PIXELS = numpy.random.default_rng(0).integers(0, 4, (5, 2, 3))
LOSSES = {
    "l1": ("L1Loss", {}, images(5, 4), images(5, 4, seed=1)),
    "mse": ("MSELoss", {}, images(5, 4), images(5, 4, seed=1)),
    "bce with logits": ("BCEWithLogitsLoss", {}, images(5, 4), SHARES),
    "bce weighted": ("BCEWithLogitsLoss", {"weight": WEIGHT, "pos_weight": 2 * WEIGHT}, 5 * images(5, 4), SHARES),
    "nll": ("NLLLoss", {}, images(5, 4), CLASSES),
    "nll weighted": ("NLLLoss", {"weight": WEIGHT, "ignore_index": 3}, images(5, 4), CLASSES),
    "nll of pixels": ("NLLLoss", {"weight": WEIGHT}, images(5, 4, 2, 3), PIXELS),
    "cross entropy": ("CrossEntropyLoss", {}, images(5, 4), CLASSES),
    "cross entropy of one": ("CrossEntropyLoss", {}, images(4), CLASSES[0]),
    "cross entropy weighted": ("CrossEntropyLoss", {"weight": WEIGHT, "ignore_index": 3}, 9 * images(5, 4), CLASSES),
    "cross entropy smoothed": ("CrossEntropyLoss", {"weight": WEIGHT, "label_smoothing": 0.2}, images(5, 4), CLASSES),
    "cross entropy of pixels": ("CrossEntropyLoss", {"ignore_index": 1}, images(5, 4, 2, 3), PIXELS),
    "cross entropy of shares": ("CrossEntropyLoss", {"label_smoothing": 0.1}, images(5, 4), SHARES),
}


@each_type
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(("name", "options", "x", "target"), list(LOSSES.values()), ids=list(LOSSES))
def test_losses(name, options, x, target, reduction, dtype):
    results = []
    for library in (tensorlib, torch):
        kind = getattr(library, dtype)

        def convert(value, library=library, kind=kind):
            if isinstance(value, (int, float)):
                return value
            value = numpy.asarray(value)
            return library.tensor(value, dtype=kind if value.dtype.kind == "f" else library.int64)

        given = {key: convert(value) for key, value in options.items()}
        logits = convert(x).requires_grad_()
        loss = getattr(library.nn, name)(**given, reduction=reduction)(logits, convert(target))
        loss.sum().backward()
        results.append((loss, logits.grad))
    (our_loss, our_gradient), (their_loss, their_gradient) = results
    assert_close(our_loss, their_loss, dtype)
    assert_close(our_gradient, their_gradient, dtype)


@pytest.mark.parametrize(
    ("pads", "mode"),
    [
        ((1, 2, 3, 0), "constant"),
        ((-1, 1), "constant"),
        ((2, 1, 1, 2), "reflect"),
        ((3, 1, 0, 5), "replicate"),
        ((2, 3), "circular"),
    ],
)
def test_padding(pads, mode):
    x = images(2, 3, 4, 5) if len(pads) == 4 else images(2, 3, 5)
    ours = tensorlib.nn.functional.pad(tensorlib.tensor(x), pads, mode)
    assert_close(ours, torch.nn.functional.pad(torch.tensor(x), pads, mode), "float64")


def test_embedding():
    ours, theirs = with_same_weights(lambda nn: nn.Embedding(6, 3, padding_idx=2), "float64")
    numbers = numpy.array([[2, 1], [5, 1], [2, 0]])
    for module, library in ((ours, tensorlib), (theirs, torch)):
        y = module(library.tensor(numbers))
        (y * library.tensor(images(3, 2, 3))).sum().backward()
    assert_close(ours.weight.grad, theirs.weight.grad, "float64")
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("norm", [1.0, 2.0, 3.5, "inf"])
def test_gradient_norm(norm):
    results = []
    for library in (tensorlib, torch):
        p = library.nn.Parameter(library.zeros(3, 4, dtype=library.float64))
        p.grad = library.tensor(images(3, 4))
        total = library.nn.utils.clip_grad_norm_([p], 0.5, norm_type=norm)
        results.append((total, p.grad))
    for ours, theirs in zip(*results, strict=True):
        assert_close(ours, theirs, "float64")


def test_hooks_are_called_in_the_same_order():
    def order(library):
        seen = []
        net = library.nn.Sequential(library.nn.Linear(2, 2), library.nn.Tanh())
        for name, module in net.named_modules():
            module.register_forward_pre_hook(lambda m, a, name=name: seen.append(("before", name)))
            module.register_forward_hook(lambda m, a, o, name=name: seen.append(("after", name)))
            module.register_full_backward_pre_hook(lambda m, g, name=name: seen.append(("gradient of", name)))
            module.register_full_backward_hook(lambda m, i, o, name=name: seen.append(("gradient through", name)))
        net(library.ones(1, 2, requires_grad=True)).sum().backward()
        return seen

    assert len(order(torch)) == 12
    assert order(tensorlib) == order(torch)


def test_initial_values_have_the_same_distribution():
    for build in (lambda nn: nn.Linear(30, 200), lambda nn: nn.Conv2d(6, 40, 5), lambda nn: nn.Embedding(100, 20)):
        ours, theirs = build(tensorlib.nn), build(torch.nn)
        for our, their in zip(ours.parameters(), theirs.parameters(), strict=True):
            a, b = numpy.sort(our.detach().numpy().ravel()), numpy.sort(their.detach().numpy().ravel())
            positions = numpy.linspace(0, 1, 9)
            spread = b.std() * 5 / numpy.sqrt(b.size)
            numpy.testing.assert_allclose(
                numpy.quantile(a, positions[1:-1]), numpy.quantile(b, positions[1:-1]), atol=2 * spread
            )
