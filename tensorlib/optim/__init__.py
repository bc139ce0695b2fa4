"""Optimizers, and schedules of their learning rates."""

from tensorlib.optim import lr_scheduler as lr_scheduler
from tensorlib.optim.adadelta import Adadelta as Adadelta
from tensorlib.optim.adagrad import Adagrad as Adagrad
from tensorlib.optim.adam import Adam as Adam
from tensorlib.optim.adamax import Adamax as Adamax
from tensorlib.optim.adamw import AdamW as AdamW
from tensorlib.optim.asgd import ASGD as ASGD
from tensorlib.optim.nadam import NAdam as NAdam
from tensorlib.optim.optimizer import Optimizer as Optimizer
from tensorlib.optim.radam import RAdam as RAdam
from tensorlib.optim.rmsprop import RMSprop as RMSprop
from tensorlib.optim.rprop import Rprop as Rprop
from tensorlib.optim.sgd import SGD as SGD
