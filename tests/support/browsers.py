"""Recordings of a real browser: Chromium's MediaRecorder, without a microphone or a window."""

from __future__ import annotations

import queue
import shutil
import subprocess
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import made
import tracks

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
SECONDS = 120
"""Time-out of a recording."""
PAGE = """<!doctype html><script>
(async () => {
  const context = new AudioContext();
  const oscillator = new OscillatorNode(context, {frequency: 300});
  const destination = context.createMediaStreamDestination();
  oscillator.connect(destination);
  oscillator.start();
  const recorder = new MediaRecorder(destination.stream, {mimeType: TYPE});
  const parts = [];
  recorder.ondataavailable = event => parts.push(event.data);
  recorder.onstop = () => fetch("/", {method: "POST", body: new Blob(parts)});
  recorder.start(100);
  setTimeout(() => recorder.stop(), 1500);
})();
</script>"""


def recorded(media_type: str = "audio/webm;codecs=opus") -> bytes:
    """Return a file with a second or more of a tone of 300 Hz, recorded by Chromium.

    Chromium plays and records a page of a server here, to which the page sends the file.
    """
    assert CHROMIUM is not None
    files: queue.Queue[bytes] = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(PAGE.replace("TYPE", repr(media_type)).encode())

        def do_POST(self) -> None:
            files.put(self.rfile.read(int(self.headers["Content-Length"])))
            self.answer(b"")

        def answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Write nothing: the output of tests is theirs."""

    with (
        ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server,
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        command = [
            *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--mute-audio"),
            *("--autoplay-policy=no-user-gesture-required", f"--user-data-dir={profile}"),
            *("--remote-debugging-port=0", f"http://127.0.0.1:{server.server_port}"),
        ]
        with subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as browser:
            try:
                return files.get(timeout=SECONDS)
            finally:
                browser.terminate()
                server.shutdown()


def voice_messages() -> dict[str, bytes]:
    """Return files as browsers and phones record them, by their media type.

    Without Chromium, PyAV writes the same: a stream whose sizes and duration are unknown.
    """
    voice = made.signal("03a01Wa.wav", 48_000)
    webm = (
        recorded()
        if CHROMIUM
        else tracks.track(voice, 48_000, "webm", "libopus", options={"live": "1"}, streamed=True)
    )
    return {"audio/webm": webm, "audio/mp4": tracks.track(voice, 48_000, "ipod", "aac")}
