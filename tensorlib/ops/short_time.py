"""The short-time Fourier transform of signals, and its inverse."""

from __future__ import annotations

from tensorlib.attach import public_function, require_tensor, tensor_method
from tensorlib.creation import ones
from tensorlib.errors import ArgumentError, ShapeError
from tensorlib.ops._fourier import from_half, to_half, whole
from tensorlib.ops.complex import view_as_real
from tensorlib.ops.padding import constant_pad
from tensorlib.ops.strided import restride
from tensorlib.tensor import Tensor


@public_function
@tensor_method
def stft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    pad_mode: str = "reflect",
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool | None = None,
) -> Tensor:
    """Return the Fourier transforms of overlapping frames of signals, each weighted by a window.

    Args:
        input: signals of shape (length,) or (signals, length).
        n_fft: the length of a frame.
        hop_length: from one frame to the next; a quarter of `n_fft` unless given.
        win_length: the length of the window, which stands in the middle of the frame; `n_fft` unless given.
        window: the weights; ones unless given.
        center: pad the signals at both ends so that frame `k` has its middle at `k * hop_length`.
        pad_mode: with what, as `nn.functional.pad` says.
        normalized: divide by the root of `n_fft`.
        onesided: only frequencies from 0 up to the half, the others being their conjugates; true unless given where
            signals and window are real.
        return_complex: must be given for real signals; false gives real and imaginary parts in a last dimension.

    Returns:
        Of shape (frequencies, frames), with the signals before it.

    Raises:
        ArgumentError: a length does not fit, or one-sided transforms of complex numbers are asked for.
        ShapeError: signals or window have other dimensions.
        TypeError: the input has integers.

    Example:
        >>> tensorlib.stft(tensorlib.ones(4), 2, hop_length=2, center=False, return_complex=True)
        tensor([[2.+0.j, 2.+0.j],
                [0.+0.j, 0.+0.j]])
    """
    _check_signals(input)
    hop, weights = _hop_and_window("stft", n_fft, hop_length, win_length, window, input)
    is_complex = input.dtype.is_complex or weights.dtype.is_complex
    if return_complex is None and not is_complex:
        raise ArgumentError("stft: return_complex must be given for real signals")
    transform = to_half if _is_half("stft", onesided, is_complex) else whole
    frames = _frames(_padded(input, n_fft // 2, pad_mode) if center else input, n_fft, hop) * weights
    result = transform("stft", frames, None, -1, _norm(normalized), inverse=False).movedim(-1, -2)
    return view_as_real(result) if return_complex is not None and not return_complex else result


def _check_signals(input: Tensor) -> None:
    require_tensor("stft", input)
    if not (input.dtype.is_floating_point or input.dtype.is_complex):
        raise TypeError(f"stft: needs a floating point or complex tensor, not {input.dtype.name}")
    if input.ndim not in (1, 2):
        raise ShapeError(f"stft: needs signals of shape (length,) or (signals, length), not {tuple(input.shape)}")


def _frames(signal: Tensor, size: int, hop: int) -> Tensor:
    """Return the frames of a signal in the dimension before the last: the opposite of `_overlapped`."""
    if size > signal.shape[-1]:
        raise ArgumentError(f"stft: frames of {size} elements do not fit signals of length {signal.shape[-1]}")
    frames: Tensor = signal.unfold(-1, size, hop)
    return frames


def _norm(normalized: bool) -> str:
    return "ortho" if normalized else "backward"


def _padded(input: Tensor, width: int, mode: str) -> Tensor:
    from tensorlib.nn.functional import pad  # which imports the operations itself

    return pad(input, (width, width), mode)


def _is_half(name: str, onesided: bool | None, is_complex: bool) -> bool:
    """Tell whether there are only the frequencies from 0 up to the half."""
    if onesided and is_complex:
        raise ArgumentError(f"{name}: one-sided transforms are of real numbers, but signals or window are complex")
    return not is_complex if onesided is None else onesided


def _hop_and_window(
    name: str, n_fft: int, hop: int | None, length: int | None, window: Tensor | None, like: Tensor
) -> tuple[int, Tensor]:
    """Return the distance of frames, and the window with zeros at both sides that make it as long as a frame."""
    length = n_fft if length is None else length
    hop = n_fft // 4 if hop is None else hop
    if n_fft < 1 or not 0 < length <= n_fft or hop < 1:
        raise ArgumentError(
            f"{name}: needs 0 < win_length <= n_fft and a hop_length of 1 or more, but n_fft is {n_fft}, "
            f"win_length {length} and hop_length {hop}"
        )
    kind = "float64" if like.dtype.name in ("float64", "complex128") else "float32"
    window = ones(length, dtype=kind, device=like.device) if window is None else window
    require_tensor(name, window)
    if tuple(window.shape) != (length,):
        raise ShapeError(f"{name}: needs a window of shape ({length},), not {tuple(window.shape)}")
    if not (window.dtype.is_floating_point or window.dtype.is_complex):
        window = window.to(dtype=kind)
    before = (n_fft - length) // 2
    return hop, constant_pad(window, pads=((before, n_fft - length - before),))


@public_function
@tensor_method
def istft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    normalized: bool = False,
    onesided: bool | None = None,
    length: int | None = None,
    return_complex: bool = False,
) -> Tensor:
    """Return the signals whose short-time Fourier transforms come nearest to given ones (Griffin and Lim, 1984).

    Args:
        input: complex transforms of shape (frequencies, frames) or (signals, frequencies, frames), as `stft` gives.
        n_fft: the length of a frame; `stft` describes this and what is missing here.
        onesided: there are only frequencies from 0 up to the half; true unless given where there are not `n_fft`.
        length: of the signals; zeros follow where the frames end before.
        return_complex: the signals are complex.

    Raises:
        ArgumentError: lengths do not fit, or the windows leave out elements.
        ShapeError: transforms or window have other dimensions.
        TypeError: the transforms are no complex numbers.

    Example:
        >>> transforms = tensorlib.stft(tensorlib.arange(6.0), 4, return_complex=True)
        >>> tensorlib.istft(transforms, 4)
        tensor([0., 1., 2., 3., 4., 5.])
    """
    _check_transforms(input)
    hop, weights = _hop_and_window("istft", n_fft, hop_length, win_length, window, input)
    if hop > (win_length or n_fft):
        raise ArgumentError(f"istft: hop_length {hop} is more than win_length {win_length or n_fft}")
    if weights.dtype.is_complex and not return_complex:
        raise ArgumentError("istft: a complex window needs return_complex=True")
    _check_frequencies(input.shape[-2], n_fft, onesided, return_complex)
    frames = _inverted(input, n_fft, return_complex, normalized) * weights
    start = n_fft // 2 if center else 0
    signal = _joined(frames, weights, hop, slice(start, -start or None if length is None else start + length))
    return signal if length is None else _lengthened(signal, length)


def _check_transforms(input: Tensor) -> None:
    require_tensor("istft", input)
    if not input.dtype.is_complex:
        raise TypeError(f"istft: needs complex transforms, as of stft with return_complex=True, not {input.dtype.name}")
    if input.ndim not in (2, 3) or not input.numel():
        raise ShapeError(f"istft: needs shape (frequencies, frames) or with signals before, not {tuple(input.shape)}")


def _check_frequencies(count: int, n_fft: int, onesided: bool | None, is_complex: bool) -> None:
    half = _is_half("istft", count != n_fft if onesided is None else onesided, is_complex)
    if count != (n_fft // 2 + 1 if half else n_fft):
        raise ArgumentError(f"istft: {count} frequencies given, but n_fft is {n_fft} and onesided {half}")


def _inverted(transforms: Tensor, n_fft: int, is_complex: bool, normalized: bool) -> Tensor:
    """Return the frames that have these transforms; real ones take the first half of the frequencies."""
    inverse, count = (whole, n_fft) if is_complex else (from_half, n_fft // 2 + 1)
    spectra = transforms.movedim(-1, -2)[..., :count]
    return inverse("istft", spectra, (n_fft,), -1, _norm(normalized), inverse=True)


def _joined(frames: Tensor, weights: Tensor, hop: int, kept: slice) -> Tensor:
    """Return the part `kept` of the signals of weighted frames: their sums over those of the squared weights."""
    count, size = frames.shape[-2:]
    total = size + hop * (count - 1)
    envelope = _overlapped((weights * weights).expand((count, size)), hop, total)[kept]
    if not bool((envelope.abs() > 1e-11).all()) or not envelope.numel():
        raise ArgumentError("istft: the windows leave out elements of the signal")
    return _overlapped(frames, hop, total)[..., kept] / envelope


def _lengthened(signal: Tensor, length: int) -> Tensor:
    """Return signals with zeros after them, up to a length."""
    result: Tensor = constant_pad(signal, pads=((0, 0),) * (signal.ndim - 1) + ((0, length - signal.shape[-1]),))
    return result


def _overlapped(frames: Tensor, hop: int, total: int) -> Tensor:
    """Add up frames, each `hop` elements after the one before: the opposite of `unfold`."""
    count, size = frames.shape[-2:]
    rows = frames.reshape((-1, count, size))
    given = ((len(rows), count, size), (total, hop, 1), 0)
    wanted = ((len(rows), total), (total, 1), 0)
    result: Tensor = restride(rows, given=given, wanted=wanted)
    return result.reshape((*frames.shape[:-2], total))
