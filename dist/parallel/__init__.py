"""Training one model on several ranks."""

from dist.parallel.ddp import DistributedDataParallel as DistributedDataParallel
