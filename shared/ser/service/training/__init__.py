"""Training: from a request to a published model.

A server imports the request and the process alone; :mod:`ser.training` runs in that process,
because TensorFlow hangs after gunicorn's fork, and because its memory returns when it ends.
"""
