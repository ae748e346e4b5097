"""A small RTSP camera for tests: plays an H.264 mp4 for ever over RTP inside the RTSP connection (TCP), on loopback.

    python rtsp_server.py CLIP.mp4 PORT [--password USER:PASS] [--auth basic|digest] [--once]

Prints ``ready`` once it listens; the stream is at rtsp://127.0.0.1:PORT/cam. Needs PyAV, transcodes nothing.
SIGUSR1 toggles a stall: connections stay open and no picture leaves; on resuming, what is overdue goes out in one
burst, as after a hiccup of the network. UDP is refused (461), so a client that plays has asked for TCP.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import os
import re
import secrets
import signal
import struct
import time
from dataclasses import dataclass

import av

RTP_CLOCK_HZ = 90_000
PACKET_BYTES = 1400
REALM = "camera"


@dataclass(frozen=True)
class AccessUnit:
    """One coded picture: when it is sent and shown (seconds from the clip's start), and its NAL units."""

    dts_s: float
    pts_s: float
    nals: list[bytes]


class Clip:
    """The coded pictures of an mp4 file, ready to be packed into RTP."""

    def __init__(self, path: str) -> None:
        with av.open(path) as container:
            video = container.streams.video[0]
            self.sps, self.pps = parameter_sets(bytes(video.codec_context.extradata))
            packets = [packet for packet in container.demux(video) if packet.dts is not None]
            base = packets[0].dts
            self.units = [self._unit(packet, base) for packet in packets]
        step_s = self.units[-1].dts_s / max(1, len(self.units) - 1)
        self.duration_s = self.units[-1].dts_s + step_s

    def _unit(self, packet: av.Packet, base: int) -> AccessUnit:
        nals = split_avcc(bytes(packet))
        if packet.is_keyframe:  # so that a client may join at any key frame, whatever the SDP told it
            nals = [self.sps, self.pps, *nals]
        scale = float(packet.time_base)
        return AccessUnit((packet.dts - base) * scale, (packet.pts - base) * scale, nals)

    def sdp(self) -> bytes:
        """Describe the stream (RFC 4566, RFC 6184 §8.1)."""
        sets = ",".join(base64.b64encode(nal).decode() for nal in (self.sps, self.pps))
        lines = (
            "v=0",
            "o=- 0 0 IN IP4 127.0.0.1",
            "s=test camera",
            "c=IN IP4 0.0.0.0",
            "t=0 0",
            "a=control:*",
            "m=video 0 RTP/AVP 96",
            f"a=rtpmap:96 H264/{RTP_CLOCK_HZ}",
            f"a=fmtp:96 packetization-mode=1;profile-level-id={self.sps[1:4].hex()};sprop-parameter-sets={sets}",
            "a=control:video",
        )
        return ("\r\n".join(lines) + "\r\n").encode()


def parameter_sets(avcc: bytes) -> tuple[bytes, bytes]:
    """Take the first SPS and PPS out of an avcC record (ISO/IEC 14496-15 §5.3.3.1)."""
    if not avcc or avcc[0] != 1:
        raise SystemExit("the clip must be H.264 in an mp4")
    sps_bytes = struct.unpack_from(">H", avcc, 6)[0]
    sps = avcc[8 : 8 + sps_bytes]
    at = 8 + sps_bytes + 1
    pps_bytes = struct.unpack_from(">H", avcc, at)[0]
    return sps, avcc[at + 2 : at + 2 + pps_bytes]


def split_avcc(sample: bytes) -> list[bytes]:
    """Split an mp4 sample into its NAL units (each after a 4-byte length)."""
    nals, at = [], 0
    while at + 4 <= len(sample):
        length = struct.unpack_from(">I", sample, at)[0]
        nals.append(sample[at + 4 : at + 4 + length])
        at += 4 + length
    return nals


def payloads(nal: bytes) -> list[bytes]:
    """Cut a NAL unit into RTP payloads: itself, or FU-A fragments when too long (RFC 6184 §5.8)."""
    if len(nal) <= PACKET_BYTES:
        return [nal]
    indicator, kind = nal[0] & 0xE0 | 28, nal[0] & 0x1F
    chunks = [nal[at : at + PACKET_BYTES - 2] for at in range(1, len(nal), PACKET_BYTES - 2)]
    flags = [0x80, *[0] * (len(chunks) - 2), 0x40]
    return [bytes((indicator, flag | kind)) + chunk for flag, chunk in zip(flags, chunks, strict=True)]


class Camera:
    """What all connections share: the clip, the stall switch and the credentials."""

    def __init__(self, clip: Clip, options: argparse.Namespace) -> None:
        self.clip = clip
        self.once = options.once
        self.credentials = options.password
        self.digest = options.auth == "digest"
        self.nonce = secrets.token_hex(8)
        self.flowing = asyncio.Event()
        self.flowing.set()

    def toggle_stall(self) -> None:
        """Stop or resume the pictures of every connection."""
        if self.flowing.is_set():
            self.flowing.clear()
        else:
            self.flowing.set()

    def challenge(self) -> str:
        """Ask for credentials."""
        return f'Digest realm="{REALM}", nonce="{self.nonce}"' if self.digest else f'Basic realm="{REALM}"'

    def admits(self, method: str, authorization: str) -> bool:
        """Tell whether a request may pass (RFC 7617, RFC 2069 digest)."""
        if not self.credentials:
            return True
        if not self.digest:
            return authorization == "Basic " + base64.b64encode(self.credentials.encode()).decode()
        given = dict(re.findall(r'(\w+)="([^"]*)"', authorization))
        user, password = self.credentials.split(":", 1)
        secret = md5(f"{user}:{REALM}:{password}")
        return given.get("response") == md5(f"{secret}:{self.nonce}:{md5(f'{method}:' + given.get('uri', ''))}")


def md5(text: str) -> str:
    """The hash that RTSP's digest authentication is made of."""
    return hashlib.md5(text.encode()).hexdigest()


class Connection:
    """One client: answers its requests and, once it plays, sends it the clip."""

    def __init__(self, camera: Camera, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.camera, self.reader, self.writer = camera, reader, writer
        self.session = secrets.token_hex(4)
        self.player: asyncio.Task[None] | None = None

    async def serve(self) -> None:
        """Answer until the client leaves."""
        try:
            while await self._answer():
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            if self.player:
                self.player.cancel()
            self.writer.close()

    async def _answer(self) -> bool:
        first = await self.reader.readexactly(1)
        if first == b"$":  # the client's own RTCP, interleaved; nobody here reads it
            header = await self.reader.readexactly(3)
            await self.reader.readexactly(struct.unpack_from(">H", header, 1)[0])
            return True
        request = (first + await self.reader.readuntil(b"\r\n\r\n")).decode("latin1")
        method, url = request.split()[:2]
        fields = {key.lower(): value.strip() for key, value in re.findall(r"^([\w-]+):(.*)$", request, re.MULTILINE)}
        status, extra, body = self._reply(method, url, fields)
        head = f"RTSP/1.0 {status}\r\nCSeq: {fields.get('cseq', '0')}\r\n" + "".join(f"{line}\r\n" for line in extra)
        self.writer.write(head.encode() + b"\r\n" + body)
        await self.writer.drain()
        if method == "PLAY" and status == "200 OK" and self.player is None:
            self.player = asyncio.create_task(self._play())
        return method != "TEARDOWN"

    def _reply(self, method: str, url: str, fields: dict[str, str]) -> tuple[str, list[str], bytes]:
        if method == "OPTIONS":
            return "200 OK", ["Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER"], b""
        if not self.camera.admits(method, fields.get("authorization", "")):
            return "401 Unauthorized", [f"WWW-Authenticate: {self.camera.challenge()}"], b""
        if method == "DESCRIBE":
            if not re.fullmatch(r"rtsp://[^/]+/cam/?", url):
                return "404 Not Found", [], b""
            body = self.camera.clip.sdp()
            extra = [f"Content-Base: {url.rstrip('/')}/", "Content-Type: application/sdp"]
            return "200 OK", [*extra, f"Content-Length: {len(body)}"], body
        if method == "SETUP":
            if "TCP" not in fields.get("transport", ""):
                return "461 Unsupported Transport", [], b""
            transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"
            return "200 OK", [transport, f"Session: {self.session};timeout=60"], b""
        return "200 OK", [f"Session: {self.session}"], b""

    async def _play(self) -> None:
        clip, start_s, base = self.camera.clip, time.monotonic(), secrets.randbits(32)
        packer = Packer(secrets.randbits(16), secrets.randbits(32))
        turn = 0
        try:
            while turn == 0 or not self.camera.once:
                for unit in clip.units:
                    offset_s = turn * clip.duration_s
                    await asyncio.sleep(max(0.0, start_s + offset_s + unit.dts_s - time.monotonic()))
                    await self.camera.flowing.wait()
                    stamp = base + round((offset_s + unit.pts_s) * RTP_CLOCK_HZ)
                    self.writer.write(packer.pack(unit.nals, stamp))
                    await self.writer.drain()
                turn += 1
            self.writer.close()
        except ConnectionError:
            pass


class Packer:
    """Numbers and wraps one stream's RTP packets (RFC 3550 §5.1) for an RTSP connection (RFC 2326 §10.12)."""

    def __init__(self, seq: int, ssrc: int) -> None:
        self.seq, self.ssrc = seq, ssrc

    def pack(self, nals: list[bytes], stamp: int) -> bytes:
        """Wrap one picture; the marker bit is on its last packet."""
        parts = [part for nal in nals for part in payloads(nal)]
        out = bytearray()
        for number, part in enumerate(parts, 1):
            marker = 0x80 if number == len(parts) else 0
            header = struct.pack(">BBHII", 0x80, marker | 96, self.seq, stamp & 0xFFFFFFFF, self.ssrc)
            out += struct.pack(">cBH", b"$", 0, len(header) + len(part)) + header + part
            self.seq = (self.seq + 1) & 0xFFFF
        return bytes(out)


async def run(options: argparse.Namespace) -> None:
    """Serve until SIGTERM."""
    camera = Camera(Clip(options.clip), options)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, camera.toggle_stall)
    loop.add_signal_handler(signal.SIGTERM, os._exit, 0)
    server = await asyncio.start_server(
        lambda reader, writer: Connection(camera, reader, writer).serve(), "127.0.0.1", options.port
    )
    print("ready", flush=True)
    await server.serve_forever()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description="A small RTSP camera for tests.")
    parser.add_argument("clip", help="an H.264 mp4")
    parser.add_argument("port", type=int)
    parser.add_argument("--password", default="", metavar="USER:PASS", help="ask for these credentials")
    parser.add_argument("--auth", choices=("basic", "digest"), default="digest")
    parser.add_argument("--once", action="store_true", help="close the connection at the clip's end")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
