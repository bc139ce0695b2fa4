"""Layers, losses and the modules that hold them."""

from tensorlib.nn.containers import ModuleDict as ModuleDict
from tensorlib.nn.containers import ModuleList as ModuleList
from tensorlib.nn.containers import ParameterList as ParameterList
from tensorlib.nn.containers import Sequential as Sequential
from tensorlib.nn.module import Module as Module
from tensorlib.nn.parameter import Buffer as Buffer
from tensorlib.nn.parameter import Parameter as Parameter
