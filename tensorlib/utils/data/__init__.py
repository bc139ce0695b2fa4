"""Data sets, the orders in which their samples are taken, and loading in batches."""

from tensorlib.utils.data.collate import default_collate as default_collate
from tensorlib.utils.data.collate import default_convert as default_convert
from tensorlib.utils.data.dataloader import DataLoader as DataLoader
from tensorlib.utils.data.dataset import ChainDataset as ChainDataset
from tensorlib.utils.data.dataset import ConcatDataset as ConcatDataset
from tensorlib.utils.data.dataset import Dataset as Dataset
from tensorlib.utils.data.dataset import IterableDataset as IterableDataset
from tensorlib.utils.data.dataset import Subset as Subset
from tensorlib.utils.data.dataset import TensorDataset as TensorDataset
from tensorlib.utils.data.dataset import random_split as random_split
from tensorlib.utils.data.distributed import DistributedSampler as DistributedSampler
from tensorlib.utils.data.sampler import BatchSampler as BatchSampler
from tensorlib.utils.data.sampler import RandomSampler as RandomSampler
from tensorlib.utils.data.sampler import Sampler as Sampler
from tensorlib.utils.data.sampler import SequentialSampler as SequentialSampler
from tensorlib.utils.data.sampler import SubsetRandomSampler as SubsetRandomSampler
from tensorlib.utils.data.sampler import WeightedRandomSampler as WeightedRandomSampler
from tensorlib.utils.data.worker import get_worker_info as get_worker_info
