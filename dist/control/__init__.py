"""Who is still there, and why not: heartbeats, failure reports and blame."""
