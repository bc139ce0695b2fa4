"""Process groups and collectives: `dist.init_process_group()`, `dist.all_reduce(tensor)` and the rest.

The layers, each written once against the one below: public functions, `ProcessGroup`, algorithms, `Transport`,
rendezvous and store. `docs/architecture.md` draws them.
"""
