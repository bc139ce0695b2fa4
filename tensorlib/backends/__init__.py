"""Settings of the libraries that PyTorch computes with, for scripts that set them."""

from tensorlib.backends import cudnn as cudnn
