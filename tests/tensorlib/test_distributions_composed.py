"""Divergences, distributions made of others, transforms, and normal distributions of vectors."""

from __future__ import annotations

import math

import numpy
import pytest
import scipy.stats

import tensorlib
from tensorlib import distributions
from tensorlib.autograd import gradcheck
from tensorlib.distributions import (
    Bernoulli,
    Categorical,
    Independent,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    TransformedDistribution,
    kl_divergence,
    register_kl,
    transforms,
)
from tensorlib.errors import ArgumentError, ShapeError
from tests.tensorlib.distribution_table import PAIRS

COUNT = 20000


@pytest.mark.parametrize(("family_p", "of_p", "family_q", "of_q"), PAIRS)
def test_divergences_are_means_of_log_ratios(family_p, of_p, family_q, of_q):
    tensorlib.manual_seed(6)
    p, q = [
        getattr(distributions, family)(*[tensorlib.tensor(x).double() if isinstance(x, list) else x for x in of])
        for family, of in ((family_p, of_p), (family_q, of_q))
    ]
    q._validate_args = False  # that of p may be the wider support
    divergence = kl_divergence(p, q)
    samples = p.expand(divergence.shape).sample((COUNT,))
    ratios = (p.log_prob(samples) - q.log_prob(samples)).numpy()
    finite = numpy.isfinite(divergence.numpy())
    assert (ratios[:, ~finite].max(0) > 30).all()  # logarithms of probabilities of 0 are kept finite
    error = numpy.abs(ratios[:, finite].mean(0) - divergence.numpy()[finite])
    assert (error <= 4.5 * ratios[:, finite].std(0) / math.sqrt(COUNT) + 1e-9).all()


def test_divergence_of_the_nearest_class():
    class Mine(Normal):
        pass

    assert kl_divergence(Mine(0.0, 1.0), Normal(1.0, 1.0)) == 0.5
    register_kl(Mine, Normal)(lambda p, q: p.loc - 7)
    assert kl_divergence(Mine(0.0, 1.0), Normal(1.0, 1.0)) == -7


def test_divergence_of_independent():
    p, q = Normal(tensorlib.zeros(2, 3), 1.0), Normal(tensorlib.ones(2, 3), 1.0)
    assert kl_divergence(Independent(p, 1), Independent(q, 1)).tolist() == [1.5, 1.5]
    with pytest.raises(NotImplementedError, match="as many dimensions in the events"):
        kl_divergence(Independent(p, 1), Independent(q, 2))


def test_independent():
    normals = Normal(tensorlib.zeros(2, 3), 1.0)
    vectors = Independent(normals, 1)
    assert vectors.has_rsample
    assert vectors.expand((4, 2)).sample((5,)).shape == (5, 4, 2, 3)
    assert vectors.log_prob(tensorlib.zeros(2, 3)).shape == vectors.entropy().shape == (2,)
    assert Independent(Bernoulli(tensorlib.ones(2) / 2), 0).enumerate_support().shape == (2, 2)
    with pytest.raises(NotImplementedError, match="are not enumerated"):
        Independent(Bernoulli(tensorlib.ones(2) / 2), 1).enumerate_support()
    assert repr(vectors) == "Independent(Normal(loc: tensorlib.Size([2, 3]), scale: tensorlib.Size([2, 3])), 1)"


TRANSFORMS = [
    transforms.ExpTransform(),
    transforms.SigmoidTransform(),
    transforms.TanhTransform(),
    transforms.SoftplusTransform(),
    transforms.PowerTransform(-2.5),
    transforms.AffineTransform(1.0, -2.0),
    transforms.ComposeTransform([transforms.AffineTransform(1.0, 0.5), transforms.ExpTransform()]),
    transforms.ExpTransform().inv,
]


@pytest.mark.parametrize("transform", TRANSFORMS, ids=repr)
def test_transforms(transform):
    """The inverse inverts, and the derivative is that of the value."""
    x = tensorlib.tensor([0.3, 1.2, 2.0], dtype=tensorlib.float64, requires_grad=True)
    y = transform(x)
    assert transform.codomain.check(y).all()
    assert tensorlib.allclose(transform.inv(y), x)
    (slope,) = tensorlib.autograd.grad(y.sum(), x)
    assert tensorlib.allclose(transform.log_abs_det_jacobian(x, y), slope.abs().log())
    assert (slope.sign() == transform.sign).all()
    assert transform.inv.inv(x).equal(y)


def test_a_cache_gives_back_the_very_argument():
    far = tensorlib.tensor(30.0)
    kept, recomputed = transforms.TanhTransform(cache_size=1), transforms.TanhTransform()
    assert kept.inv(kept(far)) is far
    assert recomputed.inv(recomputed(far)).isinf()
    squashed = TransformedDistribution(Normal(30.0, 1.0), kept)
    assert squashed.log_prob(squashed.rsample()).isfinite()


def test_gradients_of_transformed():
    def density(loc, scale, value):
        squashed = TransformedDistribution(Normal(loc, scale), [transforms.TanhTransform()])
        return squashed.log_prob(value)

    given = [tensorlib.tensor(x, dtype=tensorlib.float64, requires_grad=True) for x in ([0.3, 1.0], [0.5, 2.0], 0.6)]
    assert gradcheck(density, given)


def mixture():
    weights = tensorlib.tensor([0.3, 0.7], dtype=tensorlib.float64)
    return MixtureSameFamily(Categorical(weights), Normal(tensorlib.tensor([-1.0, 2.0]).double(), 0.5))


def test_mixture():
    tensorlib.manual_seed(10)
    two = mixture()
    samples = two.sample((COUNT,))
    assert samples.shape == (COUNT,)
    assert samples.mean().item() == pytest.approx(two.mean.item(), abs=0.05)
    assert samples.var().item() == pytest.approx(two.variance.item(), abs=0.1)
    x = tensorlib.tensor([-1.5, 0.0, 2.5], dtype=tensorlib.float64)
    low, high = scipy.stats.norm(-1, 0.5), scipy.stats.norm(2, 0.5)
    expected = 0.3 * low.pdf(x.numpy()) + 0.7 * high.pdf(x.numpy())
    numpy.testing.assert_allclose(two.log_prob(x).exp().numpy(), expected)
    numpy.testing.assert_allclose(two.cdf(x).numpy(), 0.3 * low.cdf(x.numpy()) + 0.7 * high.cdf(x.numpy()))
    assert two.expand((4,)).sample((3,)).shape == (3, 4)
    assert two.expand((4,)).log_prob(tensorlib.zeros(4).double()).tolist() == [two.log_prob(x)[1].item()] * 4


def test_mixture_of_vectors():
    components = Independent(Normal(tensorlib.zeros(3, 2, 4), 1.0), 1)
    three = MixtureSameFamily(Categorical(tensorlib.ones(3, 2)), components)
    assert (three.batch_shape, three.event_shape) == ((3,), (4,))
    assert three.sample((5,)).shape == (5, 3, 4)
    assert three.mean.shape == three.variance.shape == (3, 4)
    assert three.log_prob(tensorlib.zeros(5, 3, 4)).shape == (5, 3)


def test_mixtures_that_do_not_fit():
    with pytest.raises(ArgumentError, match="the mixture must be a Categorical, not Normal"):
        MixtureSameFamily(Normal(0.0, 1.0), Normal(tensorlib.zeros(2), 1.0))
    with pytest.raises(ShapeError, match=r"batch shape \(3,\) do not fit the probabilities of shape \(2,\)"):
        MixtureSameFamily(Categorical(tensorlib.ones(2)), Normal(tensorlib.zeros(3), 1.0))


def test_matrices_of_multivariate_normal():
    covariance = tensorlib.tensor([[1.5, 0.4], [0.4, 0.7]], dtype=tensorlib.float64)
    given = MultivariateNormal(tensorlib.zeros(2).double(), covariance)
    for name in ("covariance_matrix", "precision_matrix", "scale_tril"):
        same = MultivariateNormal(tensorlib.zeros(2).double(), **{name: getattr(given, name)})
        assert tensorlib.allclose(same.covariance_matrix, covariance)
        assert tensorlib.allclose(same.precision_matrix @ covariance, tensorlib.eye(2).double(), atol=1e-12)
    tensorlib.manual_seed(8)
    samples = given.sample((COUNT,))
    assert tensorlib.allclose(samples.t().cov(), covariance, atol=0.05)
    expected = scipy.stats.multivariate_normal([0, 0], covariance.numpy()).logpdf(samples[:9].numpy())
    numpy.testing.assert_allclose(given.log_prob(samples[:9]).numpy(), expected, rtol=1e-9)


def test_transforms_are_compared():
    t = distributions.transforms
    one, same, other = (t.AffineTransform(tensorlib.tensor([1.0, x]), 2.0) for x in (2.0, 2.0, 3.0))
    assert one == same
    assert one.inv == same.inv
    assert one != other
    assert one != t.AffineTransform(1.0, 2.0)
    assert t.ExpTransform() == t.ExpTransform(cache_size=1)
    assert t.ExpTransform() != t.TanhTransform()
    assert t.ComposeTransform([one, t.ExpTransform()]) == t.ComposeTransform([same, t.ExpTransform()])
    assert t.ReshapeTransform((2,), (1, 2)) != t.ReshapeTransform((2,), (2, 1))
