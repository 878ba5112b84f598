"""Hostile input, faults and load: the commands ``make fuzz``, ``make faults`` and ``make soak``."""
