"""The losses of every method, reimplemented in PyTorch as the oracle of the parity test."""
