"""Tools for parameters and their gradients."""

from tensorlib.nn.utils.gradients import clip_grad_norm as clip_grad_norm
from tensorlib.nn.utils.gradients import clip_grad_norm_ as clip_grad_norm_
from tensorlib.nn.utils.gradients import clip_grad_value_ as clip_grad_value_
from tensorlib.nn.utils.vector import parameters_to_vector as parameters_to_vector
from tensorlib.nn.utils.vector import vector_to_parameters as vector_to_parameters
