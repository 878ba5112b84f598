"""Training: from a request to a published model.

Only :mod:`ser.training.request` and :mod:`ser.training.process` belong into a server; the rest
runs in a process of its own, because gunicorn's fork hangs TensorFlow and because a training
ends with all its memory returned.
"""
