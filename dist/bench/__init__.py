"""How fast the ranks of a job communicate: `python -m dist.bench --ranks 4`, or the same module under a launcher."""
