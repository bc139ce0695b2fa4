"""The operations, one file per family. Importing a file enters its operations in the table `OPS`."""

from tensorlib.ops import arithmetic as arithmetic
from tensorlib.ops import casting as casting
from tensorlib.ops import comparison as comparison
from tensorlib.ops import exponential as exponential
from tensorlib.ops import indexing as indexing
from tensorlib.ops import reduction as reduction
from tensorlib.ops import rounding as rounding
from tensorlib.ops import selection as selection
from tensorlib.ops import shape as shape
from tensorlib.ops import trigonometric as trigonometric
