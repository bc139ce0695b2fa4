"""Automatic differentiation: the graph, the engine, and the contract by which operations are written."""
