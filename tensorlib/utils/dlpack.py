"""Memory shared with other libraries, under the names of `torch.utils.dlpack`."""

from __future__ import annotations

from tensorlib.exchange import from_dlpack as from_dlpack
from tensorlib.exchange import to_dlpack as to_dlpack
