"""Images: reading data sets."""

from tensorlib.vision.idx import DataFileError as DataFileError
from tensorlib.vision.idx import read_idx as read_idx
