"""Optimizers, and schedules of their learning rates."""

from tensorlib.optim import lr_scheduler as lr_scheduler
from tensorlib.optim.adam import Adam as Adam
from tensorlib.optim.adamw import AdamW as AdamW
from tensorlib.optim.optimizer import Optimizer as Optimizer
from tensorlib.optim.sgd import SGD as SGD
