"""Losses of every method, written out once more in PyTorch: the oracle of the parity test."""
