"""`tlrun -n 4 train.py`: starts one process per rank, watches them, and tells the truth when one dies."""
