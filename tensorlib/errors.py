"""Errors of tensorlib: each is also the built-in error that NumPy's and PyTorch's users would catch."""

from __future__ import annotations


class ShapeError(ValueError, RuntimeError):
    """Shapes do not fit an operation (PyTorch raises RuntimeError here, NumPy ValueError)."""


class ArgumentError(ValueError, RuntimeError):
    """An argument's value does not fit (PyTorch raises RuntimeError or ValueError)."""


class DimensionError(IndexError):
    """A dimension is out of range for a tensor."""


class EmptyError(ArgumentError, IndexError):
    """There are no elements to choose from (PyTorch raises IndexError or RuntimeError)."""


class DeviceError(TypeError, RuntimeError):
    """Arrays of two devices met in one operation, or a device is not there."""


class GraphError(RuntimeError):
    """The graph of gradients cannot be used as asked: freed, modified in place, or never recorded."""


class LayoutError(TypeError, AttributeError):
    """A sparse tensor was given to what needs a strided one (both errors, as it has no such memory or method)."""


class FileFormatError(ValueError, RuntimeError):
    """A file was not written by `save`, or is damaged."""


class LinAlgError(ArgumentError):
    """A matrix for which there is no answer: singular, or not positive definite."""
