"""`ProcessGroup`: some ranks of the world, and everything that surrounds their collectives."""

from dist.process_group.group import ProcessGroup

__all__ = ["ProcessGroup"]
