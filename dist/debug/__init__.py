"""What happened to a job that failed: `python -m dist.debug FOLDER` reads the ranks' flight records and explains them.

Each rank writes its record when a failure becomes known, into the folder that TENSORLIB_FLIGHT_RECORD names; `tlrun`
names one for every job.
"""
