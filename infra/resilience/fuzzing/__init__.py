"""Mutated inputs for every parser of bytes from outside."""
