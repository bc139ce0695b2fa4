"""Who is still there, and why not: heartbeats, failure reports and blame.

`membership` knows the other ranks, `uncaught` reports exceptions, `exit_codes` is for launchers and imports nothing.
"""
