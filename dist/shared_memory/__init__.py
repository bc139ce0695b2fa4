"""Collectives through memory that the ranks of one host share: no messages, no copies through the system."""
