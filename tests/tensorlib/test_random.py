"""Random numbers: the same from the same seed, and with the distributions they are said to have."""

from __future__ import annotations

import numpy
import pytest
import scipy.stats

import tensorlib
from tensorlib import Generator
from tensorlib.errors import ArgumentError, ShapeError

COUNT = 4000
DRAWS = {
    "rand": lambda source: tensorlib.rand(COUNT, generator=source),
    "randn": lambda source: tensorlib.randn(COUNT, generator=source),
    "randint": lambda source: tensorlib.randint(2, 7, (COUNT,), generator=source),
    "randperm": lambda source: tensorlib.randperm(COUNT, generator=source),
    "normal": lambda source: tensorlib.normal(tensorlib.full((COUNT,), 3.0), 2.0, generator=source),
    "bernoulli": lambda source: tensorlib.full((COUNT,), 0.3).bernoulli(generator=source),
    "multinomial": lambda source: tensorlib.tensor([1.0, 3.0, 0.0]).multinomial(COUNT, True, generator=source),
    "poisson": lambda source: tensorlib.poisson(tensorlib.full((COUNT,), 3.5), source),
    "binomial": lambda source: tensorlib.binomial(
        tensorlib.full((COUNT, 1), 7.0), tensorlib.tensor([0.3]), generator=source
    ).view(-1),
    "uniform_": lambda source: tensorlib.zeros(COUNT).uniform_(-1, 3, generator=source),
    "normal_": lambda source: tensorlib.zeros(COUNT).normal_(3, 2, generator=source),
    "exponential_": lambda source: tensorlib.zeros(COUNT).exponential_(2, generator=source),
    "geometric_": lambda source: tensorlib.zeros(COUNT).geometric_(0.3, generator=source),
    "cauchy_": lambda source: tensorlib.zeros(COUNT).cauchy_(1, 2, generator=source),
    "log_normal_": lambda source: tensorlib.zeros(COUNT).log_normal_(1, 0.5, generator=source),
    "bernoulli_": lambda source: tensorlib.zeros(COUNT).bernoulli_(0.3, generator=source),
    "random_": lambda source: tensorlib.zeros(COUNT).random_(2, 7, generator=source),
}
CONTINUOUS = {
    "rand": scipy.stats.uniform(),
    "randn": scipy.stats.norm(),
    "normal": scipy.stats.norm(3, 2),
    "uniform_": scipy.stats.uniform(-1, 4),
    "normal_": scipy.stats.norm(3, 2),
    "exponential_": scipy.stats.expon(scale=0.5),
    "cauchy_": scipy.stats.cauchy(1, 2),
    "log_normal_": scipy.stats.lognorm(0.5, scale=numpy.e),
}
DISCRETE = {
    "randint": dict.fromkeys(range(2, 7), 0.2),
    "random_": dict.fromkeys(range(2, 7), 0.2),
    "bernoulli": {0: 0.7, 1: 0.3},
    "bernoulli_": {0: 0.7, 1: 0.3},
    "poisson": {k: scipy.stats.poisson(3.5).pmf(k) for k in range(40)},
    "binomial": {k: scipy.stats.binom(7, 0.3).pmf(k) for k in range(8)},
    "multinomial": {0: 0.25, 1: 0.75},
    "geometric_": {k: 0.3 * 0.7 ** (k - 1) for k in range(1, 60)},
}


@pytest.mark.parametrize("name", DRAWS)
def test_same_seed_same_numbers(name):
    first, again, other = [DRAWS[name](Generator().manual_seed(seed)).tolist() for seed in (7, 7, 8)]
    assert first == again
    assert first != other


@pytest.mark.parametrize("name", DRAWS)
def test_default_generator(name):
    tensorlib.manual_seed(5)
    state = tensorlib.get_rng_state()
    first = DRAWS[name](None).tolist()
    tensorlib.set_rng_state(state)
    assert DRAWS[name](None).tolist() == first
    tensorlib.manual_seed(5)
    assert DRAWS[name](None).tolist() == first
    assert DRAWS[name](None).tolist() != first


@pytest.mark.parametrize("name", CONTINUOUS)
def test_continuous_distributions(name):
    values = DRAWS[name](Generator().manual_seed(1)).numpy()
    assert scipy.stats.kstest(values, CONTINUOUS[name].cdf).pvalue > 1e-3


@pytest.mark.parametrize("name", DISCRETE)
def test_discrete_distributions(name):
    values, counts = numpy.unique(DRAWS[name](Generator().manual_seed(1)).numpy(), return_counts=True)
    assert set(values) <= set(DISCRETE[name])
    expected = numpy.array([DISCRETE[name][value] for value in values])
    assert scipy.stats.chisquare(counts, expected / expected.sum() * COUNT).pvalue > 1e-3


def test_every_permutation_comes():
    source = Generator().manual_seed(0)
    found = {tuple(tensorlib.randperm(3, generator=source).tolist()) for _ in range(100)}
    assert len(found) == 6


def test_draws_without_replacement():
    weights = tensorlib.tensor([[1.0, 2.0, 0.0, 1.0]] * 3000)
    rows = weights.multinomial(3, generator=Generator().manual_seed(2))
    assert rows.sort(1)[0].unique(dim=0).tolist() == [[0, 1, 3]]
    assert abs(float((rows[:, 0] == 1).double().mean()) - 0.5) < 0.04


def test_state_keeps_half_a_number():
    source = Generator().manual_seed(3)
    tensorlib.rand(1, generator=source)  # of one 64 bit number, half is kept for the next float32
    state = source.get_state()
    expected = tensorlib.rand(5, generator=source).tolist()
    other = Generator()
    other.set_state(state)
    assert tensorlib.rand(5, generator=other).tolist() == expected
    assert other.initial_seed() == 3


def test_seeds():
    assert tensorlib.manual_seed(2**64 - 1).initial_seed() == 2**64 - 1
    assert tensorlib.manual_seed(-1).initial_seed() == 2**64 - 1
    assert tensorlib.seed() == tensorlib.initial_seed()
    with pytest.raises(ArgumentError, match="48 bytes"):
        Generator().set_state(tensorlib.zeros(48))


def test_types_and_shapes():
    assert tensorlib.rand(2, 0).shape == (2, 0)
    assert tensorlib.rand(()).shape == ()
    assert tensorlib.randn(2, dtype=tensorlib.float64).dtype is tensorlib.float64
    assert tensorlib.randint(3, (2,), dtype=tensorlib.int32).dtype is tensorlib.int32
    x = tensorlib.zeros(2, 3, dtype=tensorlib.float64)
    for drawn in (tensorlib.rand_like(x), tensorlib.randn_like(x), tensorlib.randint_like(x, 3)):
        assert (drawn.shape, drawn.dtype) == (x.shape, x.dtype)
    assert tensorlib.zeros(3, dtype=tensorlib.uint8).random_().dtype is tensorlib.uint8
    assert tensorlib.normal(0.0, 1.0, (2, 2)).shape == (2, 2)
    assert tensorlib.normal(tensorlib.zeros(2, 1), tensorlib.ones(3)).shape == (2, 3)


def test_filling_cuts_the_history():
    x = tensorlib.ones(2, requires_grad=True)
    y = x * 1
    y[0].normal_()
    y.sum().backward()
    assert x.grad.tolist() == [0, 1]


def test_poisson_and_binomial():
    rates = tensorlib.zeros(2, 3, dtype="float16")
    assert tensorlib.poisson(rates).dtype is tensorlib.float16
    assert tensorlib.poisson(rates).tolist() == [[0] * 3] * 2
    drawn = tensorlib.binomial(tensorlib.tensor([[4.0], [2.0]], requires_grad=True), tensorlib.tensor([0.0, 1.0]))
    assert drawn.tolist() == [[0, 4], [0, 2]]
    assert not drawn.requires_grad


ONE = tensorlib.ones(2)


@pytest.mark.parametrize(
    ("name", "args", "error", "text"),
    [
        ("poisson", (-ONE,), ArgumentError, "poisson: a rate must be finite and not negative"),
        ("poisson", (ONE.long(),), TypeError, "poisson: needs a floating point tensor, not int64"),
        ("poisson", ("x",), TypeError, "poisson: needs a Tensor, not str"),
        ("binomial", (ONE.long(), ONE), TypeError, "binomial: needs a floating point tensor, not int64"),
        ("binomial", (ONE, 0.5), TypeError, "binomial: needs a Tensor, not float"),
        ("binomial", (ONE, ONE.double()), TypeError, "binomial: count is of type float32, but prob of float64"),
        ("binomial", (ONE / 2, ONE), ArgumentError, "binomial: a number of trials must be whole and not negative"),
        ("binomial", (-ONE, ONE), ArgumentError, "binomial: a number of trials must be whole and not negative"),
        ("binomial", (ONE, 2 * ONE), ArgumentError, "binomial: a probability must be between 0 and 1"),
        ("binomial", (ONE, tensorlib.ones(3)), ShapeError, "broadcast"),
    ],
)
def test_wrong_parameters(name, args, error, text):
    with pytest.raises(error, match=text):
        getattr(tensorlib, name)(*args)


def test_draws_with_replacement_from_many_rows():
    weights = tensorlib.rand(1000, 5, generator=Generator().manual_seed(0))
    weights[:, 2] = 0
    weights[500:, 4] = 0
    drawn = weights.multinomial(200, True, generator=Generator().manual_seed(1))
    assert drawn.shape == (1000, 200)
    assert bool((weights.gather(1, drawn) > 0).all())
    counts = tensorlib.zeros(1000, 5).scatter_add(1, drawn, tensorlib.ones(1000, 200)) / 200
    assert bool(((counts - weights / weights.sum(1, True)).abs() < 0.2).all())


def test_types_of_numbers_that_are_drawn():
    z = tensorlib.randn(size=(1000,), dtype=tensorlib.complex64, generator=Generator().manual_seed(0))
    assert z.dtype is tensorlib.complex64
    assert (z.abs() ** 2).mean().item() == pytest.approx(1, abs=0.15)
    assert z.real.var().item() == pytest.approx(0.5, abs=0.1)
    assert tensorlib.rand(size=(2,), dtype=tensorlib.complex128).imag.dtype is tensorlib.float64
    with pytest.raises(TypeError, match=r"rand: needs a floating point or complex type, not tensorlib.int64"):
        tensorlib.rand(2, dtype=tensorlib.int64)
    with pytest.raises(TypeError, match=r"randint: needs integers, not 2\.5"):
        tensorlib.randint(2.5, (2,))
