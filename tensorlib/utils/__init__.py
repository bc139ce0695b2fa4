"""Tools beside tensors and modules."""

from tensorlib.utils import data as data
