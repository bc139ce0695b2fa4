"""Layers: arguments, shapes, what they refuse, what they keep."""

from __future__ import annotations

import math

import numpy
import pytest

import tensorlib
from tensorlib import nn
from tensorlib.autograd.gradcheck import gradcheck, gradgradcheck
from tensorlib.errors import ArgumentError, ShapeError
from tensorlib.nn import functional as F


def double(*shape, seed=0):
    return tensorlib.Tensor(numpy.random.default_rng(seed).standard_normal(shape)).requires_grad_()


class TestConvolution:
    @pytest.mark.parametrize(
        ("arguments", "shape"),
        [
            ({"kernel_size": 3}, (6, 8)),
            ({"kernel_size": (3, 2), "stride": 2}, (3, 5)),
            ({"kernel_size": 3, "padding": 1, "stride": (2, 1)}, (4, 10)),
            ({"kernel_size": (2, 3), "padding": "same", "dilation": (1, 2)}, (8, 10)),
            ({"kernel_size": 3, "padding": "valid", "dilation": 2}, (4, 6)),
            ({"kernel_size": 3, "padding": (2, 1), "padding_mode": "circular"}, (10, 10)),
        ],
    )
    def test_shapes(self, arguments, shape):
        layer = nn.Conv2d(4, 6, groups=2, **arguments)
        assert layer.weight.shape[:2] == (6, 2)
        assert layer(tensorlib.ones(2, 4, 8, 10)).shape == (2, 6, *shape)
        assert layer(tensorlib.ones(4, 8, 10)).shape == (6, *shape)

    def test_single_image_is_as_in_a_batch(self):
        layer, x = nn.Conv2d(2, 3, 3), tensorlib.randn(1, 2, 5, 5)
        numpy.testing.assert_allclose(layer(x[0]).detach().numpy(), layer(x).detach().numpy()[0], rtol=1e-6)

    def test_is_cross_correlation(self):
        kernel = tensorlib.tensor([[[1.0, 0.0, -1.0]]])
        assert F.conv1d(tensorlib.tensor([[[1.0, 2.0, 4.0, 8.0]]]), kernel).tolist() == [[[-3.0, -6.0]]]

    def test_printing(self):
        assert repr(nn.Conv2d(2, 4, 3, padding="same", groups=2, bias=False, padding_mode="reflect")) == (
            "Conv2d(2, 4, kernel_size=(3, 3), stride=(1, 1), padding=same, groups=2, bias=False, padding_mode=reflect)"
        )

    @pytest.mark.parametrize(
        ("action", "kind", "message"),
        [
            (lambda: nn.Conv2d(3, 4, 3, groups=2), ArgumentError, "must be multiples of groups 2"),
            (lambda: nn.Conv2d(3, 4, (3, 3, 3)), ArgumentError, "kernel_size must be one number or 2"),
            (lambda: nn.Conv2d(3, 4, 2.5), TypeError, "kernel_size must be whole numbers"),
            (lambda: nn.Conv2d(3, 4, 3, padding="full"), ArgumentError, "'same' or 'valid', not 'full'"),
            (lambda: nn.Conv2d(3, 4, 3, padding="same", stride=2), ArgumentError, "'same' needs stride 1"),
            (lambda: nn.Conv2d(3, 4, 3, padding_mode="mirror"), ArgumentError, "padding_mode must be one of"),
            (lambda: nn.Conv2d(3, 4, 3)(tensorlib.ones(1, 2, 5, 5)), ShapeError, r"input \(1, 2, 5, 5\), weight"),
            (lambda: nn.Conv2d(3, 4, 3)(tensorlib.ones(3, 5)), ShapeError, "conv2d: needs an input of 4 dimensions"),
            (lambda: nn.Conv2d(3, 4, 7)(tensorlib.ones(1, 3, 5, 5)), ShapeError, "does not fit"),
            (lambda: nn.Conv2d(3, 4, 3).double()(tensorlib.ones(1, 3, 5, 5)), TypeError, "float32, float64, float64"),
            (lambda: F.conv2d([1], tensorlib.ones(1, 1, 1, 1)), TypeError, "input must be a Tensor, not list"),
            (lambda: F.conv2d(tensorlib.ones(1, 1, 1, 1), 3), TypeError, "weight must be a Tensor, not int"),
            (
                lambda: F.conv2d(tensorlib.ones(1, 1, 1, 1), tensorlib.ones(2, 1, 1, 1), tensorlib.ones(3)),
                ShapeError,
                r"bias has shape \(3,\), needed is \(2,\)",
            ),
        ],
    )
    def test_wrong_use(self, action, kind, message):
        with pytest.raises(kind, match=message):
            action()

    @pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
    def test_gradients_with_every_padding(self, mode):
        layer = nn.Conv2d(2, 2, (2, 3), padding="same", padding_mode=mode).double()
        gradcheck(lambda x, *_: layer(x), (double(1, 2, 4, 3), *layer.parameters()))
        gradgradcheck(lambda x, *_: layer(x), (double(1, 2, 4, 3), *layer.parameters()))


class TestPooling:
    def test_max(self):
        x = tensorlib.arange(16.0).reshape(1, 1, 4, 4)
        values, places = nn.MaxPool2d(2, return_indices=True)(x)
        assert values.tolist() == [[[[5.0, 7.0], [13.0, 15.0]]]]
        assert places.tolist() == [[[[5, 7], [13, 15]]]]
        assert F.max_pool2d(-x, 3, stride=1, padding=1)[0, 0, 0].tolist() == [0.0, 0.0, -1.0, -2.0]
        assert F.max_pool2d(x[0], (3, 2), ceil_mode=True).shape == (1, 2, 2)

    def test_average(self):
        x = tensorlib.ones(1, 1, 3, 3)
        assert F.avg_pool2d(x, 2, stride=2, padding=1)[0, 0].tolist() == [[0.25, 0.5], [0.5, 1.0]]
        assert F.avg_pool2d(x, 2, stride=2, padding=1, count_include_pad=False)[0, 0].tolist() == [[1.0, 1.0]] * 2
        assert F.avg_pool2d(x, 3, divisor_override=2).item() == 4.5
        assert F.avg_pool2d(x, 2, ceil_mode=True)[0, 0].tolist() == [[1.0, 1.0]] * 2

    def test_adaptive(self):
        x = tensorlib.arange(35.0).reshape(1, 5, 7)
        assert nn.AdaptiveAvgPool2d(1)(x).item() == 17.0
        assert nn.AdaptiveAvgPool2d((None, 3))(x).shape == (1, 5, 3)
        assert F.adaptive_avg_pool2d(x, (2, 7)).shape == (1, 2, 7)
        assert F.adaptive_avg_pool1d(x[0, :1], 7).tolist() == x[0, :1].tolist()

    def test_gradients(self):
        x = double(1, 2, 5, 4)
        gradcheck(lambda x: F.avg_pool2d(x, (2, 3), stride=1, padding=1, count_include_pad=False), (x,))
        gradcheck(lambda x: F.adaptive_avg_pool2d(x, (3, 2)), (x,))
        gradgradcheck(lambda x: F.max_pool2d(x, 2, stride=1, return_indices=True)[0], (x,))

    @pytest.mark.parametrize(
        ("action", "kind", "message"),
        [
            (lambda x: F.max_pool2d(x, 9), ShapeError, "does not fit"),
            (lambda x: F.max_pool2d(x, 2, padding=2), ShapeError, "at most half"),
            (lambda x: F.avg_pool2d(x, 9), ShapeError, "avg_pool2d: kernel .* does not fit"),
            (lambda x: F.avg_pool2d(x, 2, divisor_override=0), ArgumentError, "must not be zero"),
            (lambda x: F.max_pool2d(x[0, 0], 2), ShapeError, "needs an input of 4 dimensions"),
            (lambda x: F.adaptive_avg_pool2d(x, (1, 2, 3)), ArgumentError, "one number or 2"),
        ],
    )
    def test_wrong_use(self, action, kind, message):
        with pytest.raises(kind, match=message):
            action(tensorlib.ones(1, 1, 4, 4))


class TestPadding:
    def test_modes(self):
        x = tensorlib.tensor([1.0, 2.0, 3.0])
        assert F.pad(x, (1, 2)).tolist() == [0, 1, 2, 3, 0, 0]
        assert F.pad(x, (-1, 1), value=7).tolist() == [2, 3, 7]
        assert F.pad(x, (2, 2), "reflect").tolist() == [3, 2, 1, 2, 3, 2, 1]
        assert F.pad(x, (2, 4), "replicate").tolist() == [1, 1, 1, 2, 3, 3, 3, 3, 3]
        assert F.pad(x, (3, 1), "circular").tolist() == [1, 2, 3, 1, 2, 3, 1]
        assert F.pad(tensorlib.ones(2, 3, 4), (1, 1, 2, 2)).shape == (2, 7, 6)

    @pytest.mark.parametrize(
        ("arguments", "kind", "message"),
        [
            (((1,),), ArgumentError, "needs pairs"),
            (((1, 1, 1, 1),), ArgumentError, "at most 1 dimensions"),
            (((1, 1), "mirror"), ArgumentError, "not 'mirror'"),
            (((3, 0), "reflect"), ShapeError, "needs at most 2"),
            (((0, 4), "circular"), ShapeError, "needs at most 3"),
            (((-4, 0),), ShapeError, "cut more off"),
        ],
    )
    def test_wrong_use(self, arguments, kind, message):
        with pytest.raises(kind, match=message):
            F.pad(tensorlib.tensor([1.0, 2.0, 3.0]), *arguments)


class TestBatchNorm:
    def test_training_normalises_and_keeps_statistics(self):
        layer = nn.BatchNorm2d(3)
        x = tensorlib.randn(8, 3, 4, 5) * 3 + 2
        y = layer(x).detach().numpy()
        numpy.testing.assert_allclose(y.mean((0, 2, 3)), 0, atol=1e-5)
        numpy.testing.assert_allclose(y.std((0, 2, 3)), 1, atol=1e-4)
        array = x.numpy()
        numpy.testing.assert_allclose(layer.running_mean.numpy(), 0.1 * array.mean((0, 2, 3)), rtol=1e-4)
        numpy.testing.assert_allclose(layer.running_var.numpy(), 0.9 + 0.1 * array.var((0, 2, 3), ddof=1), rtol=1e-4)
        assert layer.num_batches_tracked.item() == 1

    def test_evaluation_takes_what_was_kept(self):
        layer = nn.BatchNorm1d(2).eval()
        x = tensorlib.randn(3, 2)
        numpy.testing.assert_allclose(layer(x).detach().numpy(), x.numpy() / math.sqrt(1 + 1e-5), rtol=1e-6)
        assert layer.num_batches_tracked.item() == 0

    def test_the_mean_of_all_batches(self):
        layer = nn.BatchNorm1d(1, momentum=None)
        for start in (0.0, 2.0):
            layer(tensorlib.tensor([[start], [start + 2]]))
        assert layer.running_mean.item() == 2.0
        layer.reset_running_stats()
        assert (layer.running_mean.item(), layer.num_batches_tracked.item()) == (0.0, 0)

    def test_without_statistics_or_weights(self):
        layer = nn.BatchNorm1d(2, affine=False, track_running_stats=False).eval()
        assert list(layer.state_dict()) == []
        assert abs(layer(tensorlib.randn(5, 2)).mean().item()) < 1e-6

    @pytest.mark.parametrize("training", [True, False])
    def test_gradients(self, training):
        layer = nn.BatchNorm1d(2).double().train(training)
        inputs = (double(3, 2, 2), *layer.parameters())
        gradcheck(lambda x, *_: layer(x), inputs)
        gradgradcheck(lambda x, *_: layer(x), inputs)

    @pytest.mark.parametrize(
        ("action", "kind", "message"),
        [
            (lambda: nn.BatchNorm2d(3)(tensorlib.ones(2, 3)), ShapeError, "BatchNorm2d: needs an input of 4"),
            (lambda: nn.BatchNorm1d(3)(tensorlib.ones(1, 3)), ShapeError, "more than one value per channel"),
            (lambda: nn.BatchNorm1d(3)(tensorlib.ones(2, 4)), ShapeError, r"running_mean has shape \(3,\), needed"),
            (lambda: F.batch_norm(tensorlib.ones(2, 3), None, None), ArgumentError, "are needed unless training"),
        ],
    )
    def test_wrong_use(self, action, kind, message):
        with pytest.raises(kind, match=message):
            action()


class TestDropout:
    def test_share_and_scale(self):
        tensorlib.manual_seed(0)
        y = nn.Dropout(0.25)(tensorlib.ones(100, 100)).numpy()
        assert sorted(set(y.ravel().tolist())) == [0.0, numpy.float32(1 / 0.75)]
        assert abs((y == 0).mean() - 0.25) < 0.02

    def test_a_new_mask_each_call_that_the_seed_repeats(self):
        layer, x = nn.Dropout(), tensorlib.ones(50)
        tensorlib.manual_seed(3)
        first, second = layer(x).tolist(), layer(x).tolist()
        tensorlib.manual_seed(3)
        assert first != second
        assert layer(x).tolist() == first

    def test_evaluation_returns_the_input(self):
        x = tensorlib.ones(3)
        assert nn.Dropout().eval()(x) is x

    def test_in_place_and_gradient(self):
        x = tensorlib.ones(100)
        assert nn.Dropout(0.5, inplace=True)(x) is x
        assert 0.0 in x.tolist()
        leaf = tensorlib.ones(10, requires_grad=True)
        y = F.dropout(leaf, 0.5)
        y.sum().backward()
        assert leaf.grad.tolist() == y.tolist()
        assert F.dropout(leaf, 1.0).sum().item() == 0.0

    @pytest.mark.parametrize(("layer", "axes"), [(nn.Dropout1d, 1), (nn.Dropout2d, 2), (nn.Dropout3d, 3)])
    def test_whole_channels(self, layer, axes):
        tensorlib.manual_seed(1)
        y = layer(0.5)(tensorlib.ones(4, 8, *(2,) * axes)).numpy().reshape(32, -1)
        assert (y == y[:, :1]).all()
        assert set(y.ravel().tolist()) == {0.0, 2.0}
        assert layer(0.5)(tensorlib.ones(8, *(2,) * axes)).ndim == axes + 1

    def test_wrong_use(self):
        with pytest.raises(ArgumentError, match=r"a probability from 0 to 1, 1\.5 given"):
            nn.Dropout(1.5)
        with pytest.raises(ArgumentError, match="a probability"):
            F.dropout(tensorlib.ones(2), -0.1)
        with pytest.raises(ArgumentError, match="dropout2d: needs 4 or 3 dimensions"):
            F.dropout2d(tensorlib.ones(2, 2))


def test_embedding():
    layer = nn.Embedding(4, 3, padding_idx=-1)
    assert layer.weight[3].tolist() == [0.0] * 3
    layer(tensorlib.tensor([[3, 1], [1, 0]])).sum().backward()
    assert layer.weight.grad[:, 0].tolist() == [1.0, 2.0, 0.0, 0.0]
    assert repr(layer) == "Embedding(4, 3, padding_idx=3)"
    with pytest.raises(IndexError):
        layer(tensorlib.tensor([4]))
    with pytest.raises(ValueError, match="out of range for 4 rows"):
        nn.Embedding(4, 3, padding_idx=4)
    with pytest.raises(ArgumentError, match="out of range for 4 rows"):
        F.embedding(tensorlib.tensor([1]), layer.weight, padding_idx=7)


ACTIVATIONS = [
    *(nn.ReLU(), nn.ReLU6(), nn.SiLU(), nn.LeakyReLU(0.2), nn.ELU(0.5), nn.Hardtanh(-0.5, 0.7), nn.GELU()),
    *(nn.GELU("tanh"), nn.Softplus(2.0), nn.Sigmoid(), nn.LogSigmoid(), nn.Tanh(), nn.Softmax(1), nn.Softmin(1)),
    *(nn.LogSoftmax(1), nn.Softmax()),
]


@pytest.mark.parametrize("layer", ACTIVATIONS, ids=repr)
def test_activations_keep_shape_and_have_gradients(layer):
    x = double(3, 4)
    assert layer(x).shape == (3, 4)
    gradcheck(layer, (x,))


@pytest.mark.parametrize(
    "layer", [nn.ReLU(True), nn.ReLU6(True), nn.SiLU(True), nn.LeakyReLU(0.2, True), nn.ELU(1.0, True)], ids=repr
)
def test_activations_in_place(layer):
    x = tensorlib.randn(5)
    expected = type(layer)()(x.clone()) if not isinstance(layer, nn.LeakyReLU) else nn.LeakyReLU(0.2)(x.clone())
    assert layer(x) is x
    assert x.tolist() == expected.tolist()
    assert "inplace=True" in repr(layer)


def test_hardtanh_bounds():
    with pytest.raises(ValueError, match="must be above"):
        nn.Hardtanh(1.0, -1.0)


class TestLosses:
    def test_older_flags(self):
        x, y = tensorlib.tensor([1.0, 2.0]), tensorlib.tensor([0.0, 0.0])
        assert nn.MSELoss(size_average=False)(x, y).item() == 5.0
        assert nn.MSELoss(reduce=False)(x, y).tolist() == [1.0, 4.0]
        assert nn.L1Loss(reduction="sum")(x, y).item() == 3.0
        with pytest.raises(ValueError, match="reduction"):
            nn.L1Loss(reduction="average")

    def test_weights_move_with_the_module(self):
        loss = nn.CrossEntropyLoss(weight=tensorlib.tensor([1.0, 2.0])).double()
        assert loss.weight.dtype == tensorlib.float64
        assert list(loss.state_dict()) == ["weight"]
        assert list(nn.NLLLoss().state_dict()) == []


def test_small_layers():
    assert nn.Flatten(0, 1)(tensorlib.ones(2, 3, 4)).shape == (6, 4)
    assert nn.Linear(3, 2, bias=False)(tensorlib.ones(5, 7, 3)).shape == (5, 7, 2)
    assert repr(nn.Linear(3, 2, bias=False)) == "Linear(in_features=3, out_features=2, bias=False)"
    assert nn.Linear(3, 2, dtype=tensorlib.float64).weight.dtype == tensorlib.float64
    assert repr(nn.Identity(3)) == "Identity()"
    norms = F.normalize(tensorlib.randn(5, 3)).norm(dim=1)
    numpy.testing.assert_allclose(norms.numpy(), 1, rtol=1e-5)
