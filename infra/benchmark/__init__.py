"""The benchmark of `make bench`: our functions compared with the usual implementation.

Two contestants answer the same requests in turn: our predict function, and the usual one with
TensorFlow and librosa in the handler (:mod:`benchmark.usual.main`), which is a yardstick and not
part of the product.
"""
