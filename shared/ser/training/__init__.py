"""Training: from a request to a published model.

Only :mod:`ser.training.request`, :mod:`ser.training.process` and :mod:`ser.training.publication`
belong into a server; the rest runs in a process of its own, because gunicorn's fork hangs
TensorFlow and because a training ends with all its memory returned.
"""
