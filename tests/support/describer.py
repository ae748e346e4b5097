"""A camera that describes its stream over RTSP and never plays it: for tests in which the pictures come from a fake."""

from __future__ import annotations

import socketserver
import threading
from types import TracebackType

H264_SDP = """\
v=0\r
s=test\r
m=audio 0 RTP/AVP 0\r
m=video 0 RTP/AVP 96\r
a=rtpmap:96 H264/90000\r
a=fmtp:96 packetization-mode=1{sets}\r
"""


class Describer:
    """Answers DESCRIBE on a loopback port.

    Attributes:
        sdp: what it answers with.
        asked: how often it was asked.
    """

    def __init__(self, sdp: str = H264_SDP.format(sets="")) -> None:
        self.sdp = sdp
        self.asked = 0
        describer = self

        class Talk(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                head = b"".join(iter(self.rfile.readline, b"\r\n"))
                if head:
                    describer.asked += 1
                    body = describer.sdp.encode()
                    length = f"Content-Length: {len(body)}\r\n\r\n".encode()
                    self.wfile.write(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n" + length + body)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Talk)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self._server.server_address[1]}/cam"

    def __enter__(self) -> Describer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
