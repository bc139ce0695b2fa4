"""The operations, one file per family. Importing a file enters its operations in the table `OPS`."""

from tensorlib.ops import activation as activation
from tensorlib.ops import arithmetic as arithmetic
from tensorlib.ops import broadcasting as broadcasting
from tensorlib.ops import casting as casting
from tensorlib.ops import comparison as comparison
from tensorlib.ops import conv as conv
from tensorlib.ops import cumulative as cumulative
from tensorlib.ops import diagonals as diagonals
from tensorlib.ops import einsum as einsum
from tensorlib.ops import exponential as exponential
from tensorlib.ops import extremes as extremes
from tensorlib.ops import gather_scatter as gather_scatter
from tensorlib.ops import indexing as indexing
from tensorlib.ops import joining as joining
from tensorlib.ops import matrix as matrix
from tensorlib.ops import matrix_functions as matrix_functions
from tensorlib.ops import norm as norm
from tensorlib.ops import pool as pool
from tensorlib.ops import reduction as reduction
from tensorlib.ops import rounding as rounding
from tensorlib.ops import selection as selection
from tensorlib.ops import shape as shape
from tensorlib.ops import shape_functions as shape_functions
from tensorlib.ops import sorting as sorting
from tensorlib.ops import statistics as statistics
from tensorlib.ops import trigonometric as trigonometric
