"""The queues of `multiprocessing.queues`; tensors go through them as handles of shared memory."""

from multiprocessing.queues import JoinableQueue as JoinableQueue
from multiprocessing.queues import Queue as Queue
from multiprocessing.queues import SimpleQueue as SimpleQueue
