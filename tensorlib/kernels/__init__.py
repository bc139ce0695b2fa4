"""Array-level building blocks behind the operations: plain functions on NumPy or CuPy arrays, no tensors."""
