"""What our functions cost beside the usual ones: `make bench`.

Two contestants answer the same requests in turn: our predict function, and the usual one,
TensorFlow and librosa in the handler (:mod:`benchmark.usual.main`). That one is a yardstick and no
part of the product.
"""
