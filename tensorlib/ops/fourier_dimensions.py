"""`tensorlib.fft`: transforms along two and any number of dimensions."""

from __future__ import annotations

from tensorlib.attach import public_function
from tensorlib.ops._fourier import Dims, Lengths, from_half, to_half, whole
from tensorlib.tensor import Tensor


@public_function
def fft_fft2(input: Tensor, s: Lengths = None, dim: Dims = (-2, -1), norm: str | None = None) -> Tensor:
    """Return the Fourier transform along two dimensions.

    Args:
        input: a real or complex tensor.
        s: the lengths to cut or fill up with zeros to.
        dim: the dimensions.
        norm: "forward" divides by the number of elements in the transform, "backward" in the inverse, "ortho" by its
            root in both; "backward" unless given.

    Raises:
        ArgumentError: there is no such norm, or a length is not positive.
        DimensionError: a dimension is out of range.

    Example:
        >>> tensorlib.fft.fft2(tensorlib.tensor([[1.0, 2.0]]))
        tensor([[ 3.+0.j, -1.+0.j]])
    """
    return whole("fft.fft2", input, s, dim, norm, inverse=False)


@public_function
def fft_fftn(input: Tensor, s: Lengths = None, dim: Dims = None, norm: str | None = None) -> Tensor:
    """Return the Fourier transform along several dimensions.

    Args:
        input: a real or complex tensor.
        s: the lengths to cut or fill up with zeros to.
        dim: the dimensions; all unless given, or as many of the last as there are lengths.
        norm: "forward" divides by the number of elements in the transform, "backward" in the inverse, "ortho" by its
            root in both; "backward" unless given.

    Raises:
        ArgumentError: there is no such norm, or a length is not positive.
        DimensionError: a dimension is out of range.

    Example:
        >>> tensorlib.fft.fftn(tensorlib.tensor([[1.0, 2.0]]))
        tensor([[ 3.+0.j, -1.+0.j]])
    """
    return whole("fft.fftn", input, s, dim, norm, inverse=False)


@public_function
def fft_ifft2(input: Tensor, s: Lengths = None, dim: Dims = (-2, -1), norm: str | None = None) -> Tensor:
    """Return the inverse Fourier transform along two dimensions.

    Args:
        input: a real or complex tensor.
        s: the lengths to cut or fill up with zeros to.
        dim: the dimensions.
        norm: "forward" divides by the number of elements in the transform, "backward" in the inverse, "ortho" by its
            root in both; "backward" unless given.

    Raises:
        ArgumentError: there is no such norm, or a length is not positive.
        DimensionError: a dimension is out of range.

    Example:
        >>> tensorlib.fft.ifft2(tensorlib.tensor([[3.0, -1.0]]))
        tensor([[1.+0.j, 2.+0.j]])
    """
    return whole("fft.ifft2", input, s, dim, norm, inverse=True)


@public_function
def fft_ifftn(input: Tensor, s: Lengths = None, dim: Dims = None, norm: str | None = None) -> Tensor:
    """Return the inverse Fourier transform along several dimensions.

    Args:
        input: a real or complex tensor.
        s: the lengths to cut or fill up with zeros to.
        dim: the dimensions; all unless given, or as many of the last as there are lengths.
        norm: "forward" divides by the number of elements in the transform, "backward" in the inverse, "ortho" by its
            root in both; "backward" unless given.

    Raises:
        ArgumentError: there is no such norm, or a length is not positive.
        DimensionError: a dimension is out of range.

    Example:
        >>> tensorlib.fft.ifftn(tensorlib.tensor([[3.0, -1.0]]))
        tensor([[1.+0.j, 2.+0.j]])
    """
    return whole("fft.ifftn", input, s, dim, norm, inverse=True)


@public_function
def fft_rfft2(input: Tensor, s: Lengths = None, dim: Dims = (-2, -1), norm: str | None = None) -> Tensor:
    """Return the first half of the Fourier transform of real numbers along two dimensions.

    Args:
        input: a real tensor.
        s: the lengths to cut or fill up with zeros to.
        dim: the dimensions.
        norm: "forward" divides by the number of elements in the transform, "backward" in the inverse, "ortho" by its
            root in both; "backward" unless given.

    Raises:
        ArgumentError: there is no such norm, or a length is not positive.
        DimensionError: a dimension is out of range.

    Example:
        >>> tensorlib.fft.rfft2(tensorlib.tensor([[1.0, 2.0]]))
        tensor([[ 3.+0.j, -1.+0.j]])
    """
    return to_half("fft.rfft2", input, s, dim, norm, inverse=False)


@public_function
def fft_rfftn(input: Tensor, s: Lengths = None, dim: Dims = None, norm: str | None = None) -> Tensor:
    """Return the first half of the Fourier transform of real numbers along several dimensions.

    Args:
        input: a real tensor.
        s: the lengths to cut or fill up with zeros to.
        dim: the dimensions; all unless given, or as many of the last as there are lengths.
        norm: "forward" divides by the number of elements in the transform, "backward" in the inverse, "ortho" by its
            root in both; "backward" unless given.

    Raises:
        ArgumentError: there is no such norm, or a length is not positive.
        DimensionError: a dimension is out of range.

    Example:
        >>> tensorlib.fft.rfftn(tensorlib.tensor([[1.0, 2.0]]))
        tensor([[ 3.+0.j, -1.+0.j]])
    """
    return to_half("fft.rfftn", input, s, dim, norm, inverse=False)


@public_function
def fft_irfft2(input: Tensor, s: Lengths = None, dim: Dims = (-2, -1), norm: str | None = None) -> Tensor:
    """Return the real numbers whose Fourier transform has a given first half along two dimensions.

    Args:
        input: a real or complex tensor.
        s: the lengths of the result; that of the last dimension is twice the input's, less two, unless given.
        dim: the dimensions.
        norm: "forward" divides by the number of elements in the transform, "backward" in the inverse, "ortho" by its
            root in both; "backward" unless given.

    Raises:
        ArgumentError: there is no such norm, or a length is not positive.
        DimensionError: a dimension is out of range.

    Example:
        >>> tensorlib.fft.irfft2(tensorlib.tensor([[3.0, -1.0]]))
        tensor([[1., 2.]])
    """
    return from_half("fft.irfft2", input, s, dim, norm, inverse=True)


@public_function
def fft_irfftn(input: Tensor, s: Lengths = None, dim: Dims = None, norm: str | None = None) -> Tensor:
    """Return the real numbers whose Fourier transform has a given first half along several dimensions.

    Args:
        input: a real or complex tensor.
        s: the lengths of the result; that of the last dimension is twice the input's, less two, unless given.
        dim: the dimensions; all unless given, or as many of the last as there are lengths.
        norm: "forward" divides by the number of elements in the transform, "backward" in the inverse, "ortho" by its
            root in both; "backward" unless given.

    Raises:
        ArgumentError: there is no such norm, or a length is not positive.
        DimensionError: a dimension is out of range.

    Example:
        >>> tensorlib.fft.irfftn(tensorlib.tensor([[3.0, -1.0]]))
        tensor([[1., 2.]])
    """
    return from_half("fft.irfftn", input, s, dim, norm, inverse=True)


@public_function
def fft_hfft2(input: Tensor, s: Lengths = None, dim: Dims = (-2, -1), norm: str | None = None) -> Tensor:
    """Return the real Fourier transform of numbers whose second half are conjugates along two dimensions.

    Args:
        input: a real or complex tensor.
        s: the lengths of the result; that of the last dimension is twice the input's, less two, unless given.
        dim: the dimensions.
        norm: "forward" divides by the number of elements in the transform, "backward" in the inverse, "ortho" by its
            root in both; "backward" unless given.

    Raises:
        ArgumentError: there is no such norm, or a length is not positive.
        DimensionError: a dimension is out of range.

    Example:
        >>> tensorlib.fft.hfft2(tensorlib.tensor([[3.0, -1.0]]))
        tensor([[2., 4.]])
    """
    return from_half("fft.hfft2", input, s, dim, norm, inverse=False)


@public_function
def fft_hfftn(input: Tensor, s: Lengths = None, dim: Dims = None, norm: str | None = None) -> Tensor:
    """Return the real Fourier transform of numbers whose second half are conjugates along several dimensions.

    Args:
        input: a real or complex tensor.
        s: the lengths of the result; that of the last dimension is twice the input's, less two, unless given.
        dim: the dimensions; all unless given, or as many of the last as there are lengths.
        norm: "forward" divides by the number of elements in the transform, "backward" in the inverse, "ortho" by its
            root in both; "backward" unless given.

    Raises:
        ArgumentError: there is no such norm, or a length is not positive.
        DimensionError: a dimension is out of range.

    Example:
        >>> tensorlib.fft.hfftn(tensorlib.tensor([[3.0, -1.0]]))
        tensor([[2., 4.]])
    """
    return from_half("fft.hfftn", input, s, dim, norm, inverse=False)


@public_function
def fft_ihfft2(input: Tensor, s: Lengths = None, dim: Dims = (-2, -1), norm: str | None = None) -> Tensor:
    """Return the first half of the inverse Fourier transform of real numbers along two dimensions.

    Args:
        input: a real tensor.
        s: the lengths to cut or fill up with zeros to.
        dim: the dimensions.
        norm: "forward" divides by the number of elements in the transform, "backward" in the inverse, "ortho" by its
            root in both; "backward" unless given.

    Raises:
        ArgumentError: there is no such norm, or a length is not positive.
        DimensionError: a dimension is out of range.

    Example:
        >>> tensorlib.fft.ihfft2(tensorlib.tensor([[2.0, 4.0]]))
        tensor([[ 3.-0.j, -1.-0.j]])
    """
    return to_half("fft.ihfft2", input, s, dim, norm, inverse=True)


@public_function
def fft_ihfftn(input: Tensor, s: Lengths = None, dim: Dims = None, norm: str | None = None) -> Tensor:
    """Return the first half of the inverse Fourier transform of real numbers along several dimensions.

    Args:
        input: a real tensor.
        s: the lengths to cut or fill up with zeros to.
        dim: the dimensions; all unless given, or as many of the last as there are lengths.
        norm: "forward" divides by the number of elements in the transform, "backward" in the inverse, "ortho" by its
            root in both; "backward" unless given.

    Raises:
        ArgumentError: there is no such norm, or a length is not positive.
        DimensionError: a dimension is out of range.

    Example:
        >>> tensorlib.fft.ihfftn(tensorlib.tensor([[2.0, 4.0]]))
        tensor([[ 3.-0.j, -1.-0.j]])
    """
    return to_half("fft.ihfftn", input, s, dim, norm, inverse=True)
