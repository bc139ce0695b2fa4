"""Distributions here and in PyTorch: densities, moments and their gradients."""

from __future__ import annotations

import numpy
import pytest

import tensorlib
from tests.tensorlib.distribution_table import PAIRS, ROWS, values_of

torch = pytest.importorskip("torch")

STATISTICS = ("mean", "mode", "variance", "stddev")
FUNCTIONS = ("log_prob", "cdf", "entropy", "icdf")


def both(row):
    """Return the distribution here and there, with the tensors that are their parameters."""
    ours = {name: tensorlib.tensor(value, dtype=tensorlib.float64) for name, value in row.parameters.items()}
    theirs = {name: torch.tensor(value, dtype=torch.float64) for name, value in row.parameters.items()}
    for tensor in (*ours.values(), *theirs.values()):
        tensor.requires_grad_()
    here = getattr(tensorlib.distributions, row.family)(**ours, **row.options)
    there = their_class(row.family)(**theirs, **row.options)
    return here, there, list(ours.values()), list(theirs.values())


def their_class(family):
    for module in (torch.distributions, torch.distributions.relaxed_bernoulli, torch.distributions.relaxed_categorical):
        if hasattr(module, family):
            return getattr(module, family)
    raise AssertionError(f"PyTorch has no {family}")


def assert_same(ours, theirs):
    assert str(ours.dtype).split(".")[-1] == str(theirs.dtype).split(".")[-1]
    assert tuple(ours.shape) == tuple(theirs.shape)
    numpy.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-7, atol=1e-9)


def assert_same_gradients(result, their_result, ours, theirs):
    if not their_result.requires_grad or not torch.isfinite(their_result).all():
        return
    result.sum().backward()
    their_result.sum().backward()
    for our, their in zip(ours, theirs, strict=True):
        gradient = numpy.zeros(our.shape) if our.grad is None else our.grad.numpy()
        numpy.testing.assert_allclose(gradient, 0 if their.grad is None else their.grad.numpy(), rtol=1e-6, atol=1e-8)


def evaluate(row, distribution, name, framework):
    if name in STATISTICS:
        return getattr(distribution, name)
    if name == "entropy":
        return distribution.entropy()
    given = numpy.array([0.2, 0.7]).reshape(2, 1) if name == "icdf" else values_of(row)
    return getattr(distribution, name)(framework.tensor(given))


@pytest.mark.parametrize("name", STATISTICS + FUNCTIONS)
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_as_pytorch(row, name):
    here, there, ours, theirs = both(row)
    try:
        expected = evaluate(row, there, name, torch)
    except NotImplementedError:
        return
    found = evaluate(row, here, name, tensorlib)
    if name in row.other_values:
        return
    assert_same(found, expected)
    if name not in row.other_gradients:
        assert_same_gradients(found, expected, ours, theirs)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_shapes_as_in_pytorch(row):
    here, there, _, _ = both(row)
    assert tuple(here.batch_shape) == tuple(there.batch_shape)
    assert tuple(here.event_shape) == tuple(there.event_shape)
    assert here.has_rsample >= there.has_rsample
    assert here.has_enumerate_support == there.has_enumerate_support
    assert here.sample((3,)).dtype.name == str(there.sample((3,)).dtype).split(".")[-1]
    batch = (4, *here.batch_shape)
    assert tuple(here.expand(batch).sample((2,)).shape) == tuple(there.expand(batch).sample((2,)).shape)
    assert here.support.is_discrete == there.support.is_discrete
    assert here.support.event_dim == there.support.event_dim


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_support_is_enumerated_as_in_pytorch(row):
    here, there, _, _ = both(row)
    if here.has_enumerate_support:
        for expand in (True, False):
            assert_same(here.enumerate_support(expand), there.enumerate_support(expand))


def made_on(framework, family, arguments):
    given = [
        framework.tensor(value, dtype=framework.float64, requires_grad=True) if isinstance(value, list) else value
        for value in arguments
    ]
    return getattr(framework.distributions, family)(*given), [value for value in given if not isinstance(value, int)]


@pytest.mark.parametrize(("family_p", "of_p", "family_q", "of_q"), PAIRS)
def test_divergences_are_those_of_pytorch(family_p, of_p, family_q, of_q):
    results, parameters = [], []
    for framework in (tensorlib, torch):
        (p, given_p), (q, given_q) = made_on(framework, family_p, of_p), made_on(framework, family_q, of_q)
        results.append(framework.distributions.kl_divergence(p, q))
        parameters.append([*given_p, *given_q])
    assert_same(*results)
    assert_same_gradients(*results, *parameters)


INFINITE = {
    "Bernoulli": ([0.5],),
    "Beta": ([1.0], [2.0]),
    "Binomial": (3, [0.5]),
    "Exponential": ([1.0],),
    "Gamma": ([1.0], [2.0]),
    "Gumbel": ([0.0], [1.0]),
    "Laplace": ([0.0], [1.0]),
    "Normal": ([0.0], [1.0]),
    "Pareto": ([1.0], [3.0]),
    "Poisson": ([2.0],),
    "Uniform": ([-1.0], [2.0]),
}


@pytest.mark.parametrize("family_p", INFINITE)
@pytest.mark.parametrize("family_q", INFINITE)
def test_divergences_of_families(family_p, family_q):
    """They are known of the same families, and infinite between the same."""
    found = []
    for framework in (tensorlib, torch):
        p, q = (made_on(framework, family, INFINITE[family])[0] for family in (family_p, family_q))
        try:
            divergence = framework.distributions.kl_divergence(p, q)
        except NotImplementedError:
            found.append(None)
        else:
            found.append((tuple(divergence.shape), divergence.isinf().tolist()))
    assert found[0] == found[1]


def test_divergences_of_transformed_distributions():
    for framework in (tensorlib, torch):
        d = framework.distributions
        shift, normal, other = d.AffineTransform(1.0, 2.0), d.Normal(0.0, 1.0), d.Normal(1.0, 1.0)
        p, q = (d.TransformedDistribution(each, [d.ExpTransform(), shift]) for each in (normal, other))
        assert d.kl_divergence(p, q).item() == 0.5
        with pytest.raises(NotImplementedError):
            d.kl_divergence(p, d.TransformedDistribution(other, [shift]))


def transformed(framework):
    """Return transformed distributions and values in their supports."""
    d = framework.distributions
    number = framework.tensor(0.3, dtype=framework.float64)
    pair = framework.tensor([0.2, 0.7], dtype=framework.float64)
    normal, normals = d.Normal(number, 2.0), d.Normal(pair, 1.5)
    affine = d.AffineTransform(1.0, -2.0)
    reshape = d.ReshapeTransform((2,), (1, 2))
    return [
        (d.TransformedDistribution(normal, d.ExpTransform()), pair),
        (d.TransformedDistribution(normals, [affine]), pair),
        (d.TransformedDistribution(normals, [d.SigmoidTransform(), affine]), -pair),
        (d.TransformedDistribution(normals, [affine, d.TanhTransform()]), pair),
        (d.TransformedDistribution(normals, [d.SoftplusTransform()]), pair),
        (d.TransformedDistribution(normals, [d.ExpTransform(), d.PowerTransform(pair)]), pair),
        (d.TransformedDistribution(d.Independent(normals, 1), [d.TanhTransform(cache_size=1)]), pair),
        (d.TransformedDistribution(normals, [d.AffineTransform(pair, pair, event_dim=1)]), pair),
        (d.TransformedDistribution(normal, [d.AffineTransform(pair, pair)]), pair),
        (d.TransformedDistribution(normals, [reshape]), pair.reshape(1, 2)),
        (d.TransformedDistribution(d.Uniform(pair * 0, 1.0), [d.SigmoidTransform().inv]), pair),
        (d.TransformedDistribution(normals, d.ComposeTransform([d.ExpTransform(), reshape])), pair.reshape(1, 2)),
        (d.TransformedDistribution(normals, d.IndependentTransform(d.ExpTransform(), 1)), pair),
    ]


@pytest.mark.parametrize("k", range(13))
def test_transformed_as_in_pytorch(k):
    (ours, value), (theirs, their_value) = transformed(tensorlib)[k], transformed(torch)[k]
    assert (tuple(ours.batch_shape), tuple(ours.event_shape)) == (tuple(theirs.batch_shape), tuple(theirs.event_shape))
    assert_same(ours.log_prob(value), theirs.log_prob(their_value))
    assert ours.support.event_dim == theirs.support.event_dim
    assert ours.rsample((3,)).shape == tuple(theirs.rsample((3,)).shape)
    wide = (4, *(ours.batch_shape or value.shape))
    assert tuple(ours.expand(wide).log_prob(value).shape) == tuple(theirs.expand(wide).log_prob(their_value).shape)
    if not ours.event_shape:
        assert_same(ours.cdf(value), theirs.cdf(their_value))
        chance = [0.2, 0.7]
        assert_same(ours.icdf(value.new_tensor(chance)), theirs.icdf(their_value.new_tensor(chance)))
