"""Exit codes by which a launcher tells causes from consequences. Imports nothing, so that a launcher may."""

EXIT_PEER_FAILED = 76
"""A rank that ended only because another rank failed."""
