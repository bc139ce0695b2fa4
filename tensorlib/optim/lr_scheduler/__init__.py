"""Schedules of learning rates: call `scheduler.step()` once per epoch, or per batch where the class says so."""

from tensorlib.optim.lr_scheduler.composite import ChainedScheduler as ChainedScheduler
from tensorlib.optim.lr_scheduler.composite import SequentialLR as SequentialLR
from tensorlib.optim.lr_scheduler.cosine import CosineAnnealingLR as CosineAnnealingLR
from tensorlib.optim.lr_scheduler.cosine import CosineAnnealingWarmRestarts as CosineAnnealingWarmRestarts
from tensorlib.optim.lr_scheduler.cyclic import CyclicLR as CyclicLR
from tensorlib.optim.lr_scheduler.factor import ConstantLR as ConstantLR
from tensorlib.optim.lr_scheduler.factor import ExponentialLR as ExponentialLR
from tensorlib.optim.lr_scheduler.factor import LinearLR as LinearLR
from tensorlib.optim.lr_scheduler.factor import MultiStepLR as MultiStepLR
from tensorlib.optim.lr_scheduler.factor import PolynomialLR as PolynomialLR
from tensorlib.optim.lr_scheduler.factor import StepLR as StepLR
from tensorlib.optim.lr_scheduler.function import LambdaLR as LambdaLR
from tensorlib.optim.lr_scheduler.function import MultiplicativeLR as MultiplicativeLR
from tensorlib.optim.lr_scheduler.one_cycle import OneCycleLR as OneCycleLR
from tensorlib.optim.lr_scheduler.plateau import ReduceLROnPlateau as ReduceLROnPlateau
from tensorlib.optim.lr_scheduler.scheduler import LRScheduler as LRScheduler
