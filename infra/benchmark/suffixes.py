"""Endings of the names of rows that say which model or which call was measured."""

SAME_NETWORK = ", same network"
"""Our function serves the network of the usual one."""
DIRECT = ", without Keras's predict()"
"""The usual function calls its network directly."""
ACCURATE = ", accurate"
"""Our function serves a model with a pretrained encoder."""
