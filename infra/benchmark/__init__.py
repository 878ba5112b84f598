"""The benchmark of `make bench`: what this project costs, beside what else people would run.

docs/benchmark.md describes its sections, and the sides of its comparisons: the usual function
(:mod:`benchmark.usual.main`), servers of openSMILE's features (``alternatives``), and the release
before. They are yardsticks, and not part of the product.
"""
