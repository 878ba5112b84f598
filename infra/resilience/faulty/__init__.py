"""Faults of stores, disks, networks, processes and clocks, and the invariants that hold after them.
"""
