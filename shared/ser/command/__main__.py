"""Runs the command: ``python -m ser.command``."""

from ser.command import main

main()
