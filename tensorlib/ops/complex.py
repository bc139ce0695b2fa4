"""Complex numbers: their parts, conjugates and angles, and the same memory seen as pairs of real numbers.

Gradients follow PyTorch: that of a complex tensor is the derivative by its real part plus i times that by its imaginary
part. What is not holomorphic says so and writes its pullback that way; see `tensorlib.autograd.op`.
"""

from __future__ import annotations

from typing import Any

from tensorlib.attach import in_place_method, public_function, require_tensor, tensor_method, tensor_property
from tensorlib.autograd.op import op
from tensorlib.errors import ShapeError
from tensorlib.ops.indexing import getitem
from tensorlib.tensor import Tensor

COMPLEX_OF = {"float32": "complex64", "float64": "complex128"}
REAL_OF = {"complex64": "float32", "complex128": "float64"}


@op(method=False, holomorphic=False)
def conjugate(xp: Any, x: Any) -> Any:
    """Return the complex conjugate, elementwise: a copy.

    Example:
        >>> tensorlib.conjugate(tensorlib.tensor([1 + 2j]))
        tensor([1.-2.j])
    """
    return xp.conj(x), ()


conjugate.grads(lambda xp, g: conjugate.via(xp, g))


@public_function
@tensor_method
def conj(input: Tensor) -> Tensor:
    """Return the complex conjugate, elementwise; a real tensor itself.

    Example:
        >>> tensorlib.conj(tensorlib.tensor([1 + 2j]))
        tensor([1.-2.j])
    """
    require_tensor("conj", input)
    result: Tensor = conjugate(input) if input.dtype.is_complex else input
    return result


@public_function
@in_place_method
@tensor_method
def conj_physical(input: Tensor) -> Tensor:
    """Return the complex conjugate, elementwise; a real tensor itself.

    Example:
        >>> tensorlib.conj_physical(tensorlib.tensor([1 + 2j]))
        tensor([1.-2.j])
    """
    return conj(input)


@public_function
@tensor_method
def resolve_conj(input: Tensor) -> Tensor:
    """Return the tensor itself: conjugates are never put off.

    Example:
        >>> tensorlib.resolve_conj(tensorlib.tensor([1j]))
        tensor([0.+1.j])
    """
    require_tensor("resolve_conj", input)
    return input


@public_function
@tensor_method
def resolve_neg(input: Tensor) -> Tensor:
    """Return the tensor itself: negatives are never put off.

    Example:
        >>> tensorlib.resolve_neg(tensorlib.tensor([1.0]))
        tensor([1.])
    """
    require_tensor("resolve_neg", input)
    return input


@op(view=True, method=False, holomorphic=False)
def view_as_real(xp: Any, x: Any) -> Any:
    """Return a view of a complex tensor with a last dimension for real and imaginary part.

    Raises:
        TypeError: the tensor is not complex.

    Example:
        >>> tensorlib.view_as_real(tensorlib.tensor([1 + 2j]))
        tensor([[1., 2.]])
    """
    if x.dtype.kind != "c":
        raise TypeError(f"view_as_real: needs a complex tensor, not {x.dtype}")
    parts = x.reshape((*x.shape, 1)) if x.ndim == 0 or x.strides[-1] != x.itemsize else x[..., None]
    return parts.view(REAL_OF[x.dtype.name]), ()


view_as_real.grads(lambda xp, g: _joined(xp, g))


def _joined(xp: Any, g: Any) -> Any:
    return view_as_complex.via(xp, xp.ascontiguousarray(g))


@op(view=True, method=False, holomorphic=False)
def view_as_complex(xp: Any, x: Any) -> Any:
    """Return a view of a real tensor whose last dimension is real and imaginary part as a complex one.

    Raises:
        ShapeError: the last dimension is not of two elements that lie side by side.
        TypeError: the tensor is not float32 or float64.

    Example:
        >>> tensorlib.view_as_complex(tensorlib.tensor([[1.0, 2.0]]))
        tensor([1.+2.j])
    """
    if x.dtype.name not in COMPLEX_OF:
        raise TypeError(f"view_as_complex: needs a float32 or float64 tensor, not {x.dtype}")
    if not x.ndim or x.shape[-1] != 2 or (x.size and x.strides[-1] != x.itemsize):
        raise ShapeError(f"view_as_complex: the last dimension must be two neighbours, not of shape {x.shape}")
    return x.view(COMPLEX_OF[x.dtype.name])[..., 0], ()


def _as_real(xp: Any, g: Any) -> Any:
    return view_as_real.via(xp, g)


view_as_complex.grads(_as_real)


@public_function
def real(input: Tensor) -> Tensor:
    """Return a view of the real parts; a real tensor itself.

    Example:
        >>> tensorlib.real(tensorlib.tensor([1 + 2j]))
        tensor([1.])
    """
    require_tensor("real", input)
    result: Tensor = getitem(view_as_real(input), (..., 0)) if input.dtype.is_complex else input
    return result


@public_function
def imag(input: Tensor) -> Tensor:
    """Return a view of the imaginary parts.

    Raises:
        TypeError: the tensor is real.

    Example:
        >>> tensorlib.imag(tensorlib.tensor([1 + 2j]))
        tensor([2.])
    """
    require_tensor("imag", input)
    if not input.dtype.is_complex:
        raise TypeError(f"imag: needs a complex tensor, not {input.dtype}")
    result: Tensor = getitem(view_as_real(input), (..., 1))
    return result


def _set_real(self: Tensor, value: Any) -> None:
    real(self).copy_(value if isinstance(value, Tensor) else self.new_tensor(value).real)


def _set_imag(self: Tensor, value: Any) -> None:
    imag(self).copy_(value if isinstance(value, Tensor) else self.new_tensor(value).real)


tensor_property(real, _set_real)
tensor_property(imag, _set_imag)


@op(promotion="float", holomorphic=False)
def angle(xp: Any, x: Any) -> Any:
    """Return the angle of complex numbers in radians; of real ones 0, or pi where they are negative.

    Example:
        >>> tensorlib.angle(tensorlib.tensor([1j, -1.0]))
        tensor([1.5708, 3.1416])
    """
    y = xp.angle(x)
    return (xp.where(x == x, y, x) if x.dtype.kind == "f" else y), (x,)


def _angle_gradient(xp: Any, g: Any, x: Any) -> Any:
    if x.dtype.name not in REAL_OF:
        return g * 0
    size = xp.absolute(x)
    zero = size == 0
    return xp.where(zero, 0, g * (x * 1j) / xp.where(zero, 1, size * size))


angle.grads(_angle_gradient)


@op(in_place=True, promotion="common", holomorphic=False)
def sgn(xp: Any, x: Any) -> Any:
    """Return the sign; of complex numbers the number of magnitude 1 in their direction, 0 of 0.

    Example:
        >>> tensorlib.sgn(tensorlib.tensor([3 + 4j]))
        tensor([0.6000+0.8000j])
    """
    if x.dtype.kind != "c":
        return (x.copy() if x.dtype.kind == "b" else xp.sign(x)), (x,)
    size = xp.absolute(x)
    return x / xp.where(size == 0, 1, size), (x,)


def _sgn_gradient(xp: Any, g: Any, x: Any) -> Any:
    if x.dtype.name not in REAL_OF:
        return g * 0
    size = xp.absolute(x)
    zero = size == 0
    safe = xp.where(zero, 1, size)
    direction = x / safe
    along = (g * conjugate.via(xp, direction)).real
    return xp.where(zero, 0, (g - along * direction) / safe)


sgn.grads(_sgn_gradient)


@op(method=False, holomorphic=False)
def complex(xp: Any, real: Any, imag: Any) -> Any:
    """Return complex numbers of their real and imaginary parts.

    Args:
        real: a float32 or float64 tensor.
        imag: a tensor of the same type that broadcasts with it.

    Raises:
        TypeError: the types differ, or are no such floats.

    Example:
        >>> tensorlib.complex(tensorlib.tensor([1.0]), tensorlib.tensor([2.0]))
        tensor([1.+2.j])
    """
    if real.dtype != imag.dtype or real.dtype.name not in COMPLEX_OF:
        raise TypeError(f"complex: needs two float32 or float64 tensors, not {real.dtype} and {imag.dtype}")
    parts = xp.empty((*(real + imag).shape, 2), real.dtype)
    parts[..., 0], parts[..., 1] = real, imag
    return parts.view(COMPLEX_OF[real.dtype.name])[..., 0], ()


complex.grads(lambda xp, g: g.real, lambda xp, g: g.imag)


@public_function
def polar(abs: Tensor, angle: Tensor) -> Tensor:
    """Return complex numbers of their magnitudes and angles in radians.

    Raises:
        TypeError: the types differ, or are not float32 or float64.

    Example:
        >>> tensorlib.polar(tensorlib.tensor([2.0]), tensorlib.tensor([0.0]))
        tensor([2.+0.j])
    """
    require_tensor("polar", abs)
    require_tensor("polar", angle)
    result: Tensor = complex(abs * angle.cos(), abs * angle.sin())
    return result


@public_function
@tensor_method
def is_complex(input: Tensor) -> bool:
    """Tell whether the elements are complex numbers.

    Example:
        >>> tensorlib.is_complex(tensorlib.tensor([1j]))
        True
    """
    require_tensor("is_complex", input)
    return input.dtype.is_complex


@public_function
@tensor_method
def isreal(input: Tensor) -> Tensor:
    """Tell which elements have no imaginary part.

    Example:
        >>> tensorlib.isreal(tensorlib.tensor([1 + 0j, 1j]))
        tensor([ True, False])
    """
    require_tensor("isreal", input)
    result: Tensor = imag(input) == 0 if input.dtype.is_complex else input.new_ones(input.shape).bool()
    return result
