"""The operations, one file per family. Importing a file enters its operations in the table `OPS`."""

from tensorlib.ops import arithmetic as arithmetic
from tensorlib.ops import reduction as reduction
from tensorlib.ops import shape as shape
