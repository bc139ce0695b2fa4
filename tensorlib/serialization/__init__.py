"""Tensors and whatever holds them, in files: `save`, `load`, PyTorch's files, and kinds of places."""

from tensorlib.serialization.archive import load as load
from tensorlib.serialization.archive import save as save
from tensorlib.serialization.locations import location_of as location_of
from tensorlib.serialization.locations import register_package as register_package
