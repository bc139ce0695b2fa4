"""Distributions: densities against SciPy, samples with the moments they should have, gradients, and wrong input."""

from __future__ import annotations

import doctest
import inspect
import math

import numpy
import pytest
import scipy.special

import tensorlib
from tensorlib import distributions
from tensorlib.autograd import gradcheck
from tensorlib.distributions import (
    Bernoulli,
    Categorical,
    Gamma,
    Independent,
    MultivariateNormal,
    Normal,
    TransformedDistribution,
    Uniform,
    kl_divergence,
    register_kl,
    transforms,
)
from tensorlib.distributions.gamma_samples import slope_of_sample
from tensorlib.errors import ArgumentError, GraphError, ShapeError
from tests.tensorlib.distribution_table import ROWS, values_of

COUNT = 20000
# Made of gamma numbers, which move with their parameter although they were drawn by rejection.
IMPLICIT = {"Gamma", "Chi2", "InverseGamma", "FisherSnedecor", "Beta", "Dirichlet", "StudentT"}
STRAIGHT_THROUGH = {"OneHotCategoricalStraightThrough"}
CLASSES = {name: value for name, value in vars(distributions).items() if inspect.isclass(value)}
DOCUMENTED = {**CLASSES, "kl_divergence": kl_divergence, "register_kl": register_kl}
WITH_SCIPY = [pytest.param(row, id=str(row)) for row in ROWS if row.scipy is not None]
REPARAMETERISED = [pytest.param(row, id=str(row)) for row in ROWS if CLASSES[row.family].has_rsample]


def made(row, requires_grad=False, dtype=tensorlib.float64):
    parameters = {name: tensorlib.tensor(value, dtype=dtype) for name, value in row.parameters.items()}
    for parameter in parameters.values():
        parameter.requires_grad_(requires_grad)
    return CLASSES[row.family](**parameters, **row.options), list(parameters.values())


def of(family, row):
    """Return a function from parameters to the row's distribution, which need not be exactly valid."""

    def make(*given):
        parameters = dict(zip(row.parameters, given, strict=True))
        for name in parameters.keys() & {"covariance_matrix", "precision_matrix"}:
            parameters[name] = (parameters[name] + parameters[name].mT) / 2
        return family(**parameters, **row.options, validate_args=False)

    return make


@pytest.mark.parametrize("row", WITH_SCIPY)
def test_log_prob_is_that_of_scipy(row):
    distribution, _ = made(row)
    theirs = row.scipy(*[numpy.array(value) for value in row.parameters.values()])
    log_prob = theirs.logpmf if hasattr(theirs, "logpmf") and distribution.support.is_discrete else theirs.logpdf
    values = values_of(row)
    found = distribution.log_prob(tensorlib.tensor(values)).numpy()
    numpy.testing.assert_allclose(found, log_prob(values), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("row", [row for row in ROWS if row.family != "VonMises"], ids=str)  # whose is circular
def test_samples_have_the_moments(row):
    tensorlib.manual_seed(3)
    distribution, _ = made(row)
    samples = distribution.sample((COUNT,))
    assert samples.shape == (COUNT, *distribution.batch_shape, *distribution.event_shape)
    assert distribution.support.check(samples).all()
    try:
        mean, deviation = distribution.mean.numpy(), distribution.stddev.numpy()
    except NotImplementedError:
        return
    error = numpy.abs(samples.double().numpy().mean(0) - mean)
    known = numpy.isfinite(mean) & numpy.isfinite(deviation)
    assert (error <= 4.5 * deviation / math.sqrt(COUNT))[known].all()


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.scipy is not None and isinstance(row.values[0], float)], ids=str
)
def test_continuous_samples_have_the_distribution_of_scipy(row):
    tensorlib.manual_seed(12)
    distribution, _ = made(row)
    samples = distribution.sample((2000,)).numpy()
    for k, column in enumerate(samples.T):
        theirs = row.scipy(*[numpy.array(value)[k] for value in row.parameters.values()])
        assert scipy.stats.kstest(column, theirs.cdf).pvalue > 1e-3


def test_mode_of_kumaraswamy_has_the_greatest_density():
    distribution = distributions.Kumaraswamy(1.5, 3.0)
    values = tensorlib.linspace(0.01, 0.99, 981)
    assert values[distribution.log_prob(values).argmax()].item() == pytest.approx(distribution.mode.item(), abs=1e-3)


def test_circular_variance():
    concentration = 8.0
    expected = 1 - scipy.special.i1(concentration) / scipy.special.i0(concentration)
    assert distributions.VonMises(0.0, concentration).variance.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_samples_have_the_entropy(row):
    tensorlib.manual_seed(4)
    distribution, _ = made(row)
    try:
        entropy = distribution.entropy().numpy()
    except NotImplementedError:
        return
    surprise = -distribution.log_prob(distribution.sample((COUNT,))).numpy()
    error = numpy.abs(surprise.mean(0) - entropy)
    assert (error <= 4.5 * surprise.std(0) / math.sqrt(COUNT) + 1e-12).all()


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_same_samples_from_the_same_seed(row):
    distribution, _ = made(row)
    first, second = [(tensorlib.manual_seed(7), distribution.sample((5,)))[1] for _ in range(2)]
    assert (first == second).all()
    assert not first.requires_grad


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_gradients_of_log_prob(row):
    distribution, parameters = made(row, requires_grad=True)
    values = tensorlib.tensor(values_of(row))
    make = of(CLASSES[row.family], row)
    assert gradcheck(lambda *given: make(*given).log_prob(values), parameters)
    assert distribution.log_prob(values).requires_grad


@pytest.mark.parametrize("row", REPARAMETERISED)
def test_samples_have_gradients(row):
    make = of(CLASSES[row.family], row)

    def sample(*parameters):
        tensorlib.manual_seed(11)
        return make(*parameters).rsample((3,))

    distribution, parameters = made(row, requires_grad=True)
    assert distribution.rsample().requires_grad
    if row.family not in IMPLICIT | STRAIGHT_THROUGH:
        assert gradcheck(sample, parameters)


@pytest.mark.parametrize("row", [row for row in ROWS if row.family in IMPLICIT - {"FisherSnedecor"}], ids=str)
def test_samples_move_as_the_distribution_does(row):
    """Their surprise has the gradient of the entropy, on average."""
    tensorlib.manual_seed(5)
    make = of(CLASSES[row.family], row)
    distribution, parameters = made(row, requires_grad=True)
    distribution.entropy().sum().backward()
    wide = [parameter.detach().expand(COUNT, *parameter.shape).clone().requires_grad_() for parameter in parameters]
    many = make(*wide)
    (-many.log_prob(many.rsample())).sum().backward()
    for parameter, of_each in zip(parameters, wide, strict=True):
        expected = numpy.zeros(parameter.shape) if parameter.grad is None else parameter.grad.numpy()
        found = of_each.grad.numpy()
        assert (numpy.abs(found.mean(0) - expected) <= 4.5 * found.std(0) / math.sqrt(COUNT) + 1e-9).all()


@pytest.mark.parametrize("concentration", [0.01, 0.5, 2.0, 30.0, 1e4])
def test_slope_of_gamma_samples(concentration):
    """Against differences of quantiles."""
    chances = numpy.array([0.01, 0.3, 0.6, 0.95])
    step = 1e-5 * concentration
    samples, above, below = (scipy.special.gammaincinv(concentration + k * step, chances) for k in (0, 1, -1))
    found = slope_of_sample(numpy.full(4, concentration), samples)
    numpy.testing.assert_allclose(found, (above - below) / (2 * step), rtol=1e-5)


def test_gradients_of_gamma_samples_cannot_be_differentiated_again():
    concentration = tensorlib.tensor(2.0, requires_grad=True)
    (slope,) = tensorlib.autograd.grad(Gamma(concentration, 1.0).rsample(), concentration, create_graph=True)
    with pytest.raises(GraphError, match="cannot be differentiated again"):
        slope.backward()


def test_straight_through_samples_have_the_gradient_of_the_probabilities():
    weights = tensorlib.tensor([1.0, 3.0], requires_grad=True)
    sample = distributions.OneHotCategoricalStraightThrough(weights).rsample()
    assert sorted(sample.tolist()) == [0, 1]
    sample[0].backward()
    assert tensorlib.allclose(weights.grad, tensorlib.tensor([3 / 16, -1 / 16]))


@pytest.mark.parametrize("concentration", [1e-3, 1e-2])
def test_samples_of_small_parameters_are_probabilities(concentration):
    tensorlib.manual_seed(2)
    samples = distributions.Dirichlet(tensorlib.full((4,), concentration)).rsample((100,))
    assert distributions.constraints.simplex.check(samples).all()
    assert Gamma(concentration, 1.0).sample((100,)).min() > 0


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_icdf_is_the_inverse_of_cdf(row):
    distribution, _ = made(row)
    chances = tensorlib.tensor([[0.2], [0.7]], dtype=tensorlib.float64)
    try:
        found = distribution.cdf(distribution.icdf(chances))
    except NotImplementedError:
        return
    assert tensorlib.allclose(found, chances.expand_as(found))


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_expanded(row):
    distribution, _ = made(row)
    wide = distribution.expand((4, *distribution.batch_shape))
    assert wide.batch_shape == (4, *distribution.batch_shape)
    assert wide.sample((2,)).shape == (2, *wide.batch_shape, *wide.event_shape)
    values = tensorlib.tensor(values_of(row))[:, None]
    expected = distribution.log_prob(values).expand(-1, 4, *distribution.batch_shape)
    assert tensorlib.allclose(wide.log_prob(values), expected)
    assert type(wide).__name__ in repr(wide)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_float32_stays(row):
    distribution, _ = made(row, dtype=tensorlib.float32)
    discrete = isinstance(distribution, Categorical)
    assert distribution.sample().dtype == (tensorlib.int64 if discrete else tensorlib.float32)
    assert distribution.log_prob(tensorlib.tensor(values_of(row)).float()).dtype == tensorlib.float32


@pytest.mark.parametrize("name", DOCUMENTED)
def test_documentation(name):
    value = DOCUMENTED[name]
    finder = doctest.DocTestFinder(recurse=False)
    examples = [test for test in finder.find(value, name, globs={"tensorlib": tensorlib}) if test.examples]
    assert examples
    report: list[str] = []
    for example in examples:
        doctest.DocTestRunner(verbose=False).run(example, out=report.append)
    assert not report, "".join(report)


@pytest.mark.parametrize("family", ["Dirichlet", "Multinomial"])
def test_log_prob_of_vectors_is_that_of_scipy(family):
    weights = numpy.array([0.2, 0.3, 0.5])
    if family == "Dirichlet":
        found = distributions.Dirichlet(tensorlib.tensor(weights)).log_prob(tensorlib.tensor(weights[::-1].copy()))
        assert found.item() == pytest.approx(scipy.stats.dirichlet(weights).logpdf(weights[::-1]))
    else:
        found = distributions.Multinomial(4, tensorlib.tensor(weights)).log_prob(tensorlib.tensor([1.0, 0.0, 3.0]))
        assert found.item() == pytest.approx(scipy.stats.multinomial(4, weights).logpmf([1, 0, 3]))


WRONG = [
    (lambda: Independent(Normal(tensorlib.zeros(2), 1.0), 2), ArgumentError, r"cannot take 2 dimensions of .* \(2,\)"),
    (lambda: kl_divergence(Bernoulli(0.5), Uniform(0.0, 1.0)), NotImplementedError, "none is known of Bernoulli"),
    (lambda: register_kl(int, Normal), TypeError, "register_kl: needs two classes of distributions"),
    (lambda: transforms.ExpTransform(cache_size=2), ArgumentError, "ExpTransform: cache_size must be 0 or 1, not 2"),
    (lambda: transforms.ReshapeTransform((2,), (3,)), ShapeError, "hold different numbers"),
    (lambda: transforms.ReshapeTransform((2,), (2, 1))(tensorlib.zeros(3)), ShapeError, "needs a shape that ends in"),
    (lambda: transforms.AbsTransform().sign, NotImplementedError, "AbsTransform has no sign"),
    (
        lambda: TransformedDistribution(Normal(0.0, 1.0), transforms.AffineTransform(0.0, 1.0, event_dim=1)),
        ShapeError,
        "have too few dimensions",
    ),
    (lambda: MultivariateNormal(tensorlib.zeros(2)), ArgumentError, "MultivariateNormal: needs exactly one of cov"),
    (lambda: MultivariateNormal(tensorlib.zeros(2), tensorlib.eye(3)), ShapeError, r"not \(2,\) and \(3, 3\)"),
    (lambda: MultivariateNormal(tensorlib.zeros(2), -tensorlib.eye(2)), ArgumentError, "satisfy positive_definite"),
    (lambda: distributions.Dirichlet(1.0), ShapeError, "Dirichlet: concentration needs a last dimension"),
    (lambda: distributions.Multinomial(-1, tensorlib.ones(2)), ArgumentError, "must not be negative, -1 is"),
    (lambda: distributions.Multinomial(tensorlib.ones(2), tensorlib.ones(2)), NotImplementedError, "one integer"),
    (lambda: distributions.Geometric(0.0), ArgumentError, "Geometric: probs must be above 0"),
    (
        lambda: distributions.Binomial(tensorlib.tensor([1.0, 2.0]), 0.5).entropy(),
        NotImplementedError,
        "needs the same total_count",
    ),
    (
        lambda: kl_divergence(distributions.Binomial(1, 0.5), distributions.Binomial(2, 0.5)),
        ArgumentError,
        "must have the same total_count",
    ),
    (lambda: Normal(0.0, -1.0), ArgumentError, r"Normal: scale must satisfy positive, but -1.0 does not"),
    (lambda: Normal(float("nan"), 1.0), ArgumentError, "Normal: loc must satisfy real, but nan does not"),
    (lambda: Normal([0.0], 1.0), TypeError, "Normal: a parameter must be a tensor or a number, not list"),
    (lambda: Normal(tensorlib.zeros(2), tensorlib.ones(3)), ShapeError, "broadcast"),
    (lambda: Normal(0.0, 1.0).log_prob(1.0), ArgumentError, "Normal: log_prob needs a Tensor, not float"),
    (lambda: Normal(tensorlib.zeros(2), 1.0).log_prob(tensorlib.zeros(3)), ShapeError, "broadcast"),
    (lambda: Normal(0.0, 1.0).enumerate_support(), NotImplementedError, "Normal has no enumerate_support"),
    (lambda: Normal(0.0, 1.0).sample((-1,)), ShapeError, "negative"),
    (lambda: Normal(tensorlib.zeros(2), 1.0).expand((3,)), ShapeError, "expand"),
    (lambda: Uniform(1.0, 1.0), ArgumentError, "Uniform: low must be below high"),
    (
        lambda: Uniform(0.0, 1.0).log_prob(tensorlib.tensor(2.0)),
        ArgumentError,
        "must satisfy interval.0.0, 1.0., but 2.0",
    ),
    (lambda: Bernoulli(), ArgumentError, "Bernoulli: needs either probs or logits, but not both"),
    (lambda: Bernoulli(0.5, 0.5), ArgumentError, "Bernoulli: needs either probs or logits, but not both"),
    (lambda: Bernoulli(1.5), ArgumentError, "Bernoulli: probs must satisfy unit_interval, but 1.5"),
    (lambda: Bernoulli(0.5).log_prob(tensorlib.tensor(0.5)), ArgumentError, "a value must satisfy boolean, but 0.5"),
    (lambda: Categorical(tensorlib.tensor([-1.0, 2.0])), ArgumentError, "Categorical: probs must"),
    (lambda: Categorical(tensorlib.tensor(1.0)), ShapeError, "Categorical: probs needs a last dimension"),
    (lambda: Categorical(tensorlib.ones(3)).log_prob(tensorlib.tensor(3)), ArgumentError, "but 3 does not"),
    (lambda: Categorical(tensorlib.ones(3)).rsample(), NotImplementedError, "Categorical has no rsample"),
]


@pytest.mark.parametrize(("call", "error", "message"), WRONG)
def test_wrong_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_nothing_is_checked_where_it_is_switched_off():
    assert Normal(0.0, -1.0, validate_args=False).mean == 0
    distributions.Distribution.set_default_validate_args(False)
    try:
        assert Bernoulli(2.0).mean == 2
    finally:
        distributions.Distribution.set_default_validate_args(True)


def test_numbers_and_positions():
    """The spellings of older scripts."""
    assert Normal(tensorlib.zeros(2), tensorlib.ones(2)).sample_n(3).shape == (3, 2)
    assert Bernoulli(tensorlib.tensor([0.3])).sample_n(2).shape == (2, 1)
    assert Categorical(tensorlib.ones(2, 4)).sample().shape == (2,)
    assert Normal(0, 1).sample().shape == ()


def test_policy_gradient():
    """The gradient of log_prob of a sample reaches what the probabilities were computed from."""
    scores = tensorlib.zeros(2, 3, requires_grad=True)
    policy = Categorical(scores.softmax(-1))
    action = policy.sample()
    (-policy.log_prob(action)).sum().backward()
    expected = tensorlib.full((2, 3), 1 / 3) - (action[:, None] == tensorlib.arange(3)).float()
    assert tensorlib.allclose(scores.grad, expected, atol=1e-6)


def test_logits_found_while_nothing_is_recorded_have_gradients_later():
    probs = tensorlib.tensor([0.3], requires_grad=True)
    coin = Bernoulli(probs)
    with tensorlib.no_grad():
        coin.log_prob(tensorlib.ones(1))
    assert coin.log_prob(tensorlib.ones(1)).requires_grad
