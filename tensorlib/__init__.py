"""Tensors, automatic differentiation and neural networks on NumPy and CuPy, with PyTorch's names."""

from tensorlib.version import __version__ as __version__
