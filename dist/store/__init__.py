"""Key-value store of a job, and the server that every rank's control plane goes through.

`StoreServer` runs in the launcher, or in rank 0 without one; `StoreClient` is a rank's only connection to it.
`FileStore` keeps a table in a file, without a server; `HashStore` in memory, for threads.
"""

from dist.store.base import PrefixStore, Store
from dist.store.client import StoreClient
from dist.store.file import FileStore
from dist.store.memory import HashStore
from dist.store.server import StoreServer

__all__ = ["FileStore", "HashStore", "PrefixStore", "Store", "StoreClient", "StoreServer"]
