"""Training as the service runs it: from a request to a published model.

A server imports only the request and the process. :mod:`ser.training` runs in that process, because
TensorFlow hangs after gunicorn has forked, and because all its memory is freed when it exits.
"""
