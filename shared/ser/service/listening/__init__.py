"""Live time lines over WebSockets: ``python -m ser.service.listening``.

A process of its own beside the function predict, which a platform may stop between requests: a
WebSocket lasts as long as its sound. It needs the extra ``listen``.
"""

from __future__ import annotations
