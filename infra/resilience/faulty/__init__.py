"""Faults of stores, disks, networks, processes and clocks, and checks of what is left."""
