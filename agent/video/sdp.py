"""What a camera says of its video before it sends any: codec and size, out of SDP and its parameter sets. Pure.

RFC 4566 (SDP), RFC 6184 §8.1 (H.264), RFC 7798 §7.1 (H.265), ITU-T H.264 §7.3.2.1 and H.265 §7.3.2.2 (the sets).
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

_CODECS = {"H264": "h264", "H265": "h265", "HEVC": "h265", "JPEG": "mjpeg"}
_LARGEST_PX = 16384  # beyond, the set is broken
_H264_SPS, _H265_SPS = 7, 33  # types of NAL unit
_WITH_CHROMA = {100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135}  # profiles of H.264 that tell it


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """One video stream as it is described.

    Attributes:
        codec: ``h264``, ``h265`` or ``mjpeg``; the encoding's own name in small letters where it is another one.
        size: (width, height) in px; None where the description does not tell.
    """

    codec: str
    size: tuple[int, int] | None


def read_video(sdp: str) -> VideoInfo | None:
    """Find the first video stream of a description; None when there is none, or its encoding is not named."""
    section = re.search(r"^m=video \S+ \S+ (\d+)(.*?)(?=^m=|\Z)", sdp, re.MULTILINE | re.DOTALL)
    if section is None:
        return None
    kind, lines = section[1], section[2]
    encoding = re.search(rf"^a=rtpmap:{kind} ([\w-]+)/", lines, re.MULTILINE)
    name = encoding[1].upper() if encoding else ("JPEG" if kind == "26" else "")  # RFC 3551: 26 is JPEG
    if not name:
        return None
    codec = _CODECS.get(name, name.lower())
    return VideoInfo(codec, _size(codec, lines))


def _size(codec: str, lines: str) -> tuple[int, int] | None:
    pattern = {"h264": r"sprop-parameter-sets=([^;\s]+)", "h265": r"sprop-sps=([^;\s]+)"}.get(codec)
    sets = re.search(pattern, lines) if pattern else None
    for word in sets[1].split(",") if sets else ():
        size = _size_of_set(codec, word)
        if size is not None:
            return size
    told = re.search(r"^a=(?:framesize:\d+|x-dimensions:) ?(\d+)[-,] ?(\d+)", lines, re.MULTILINE)
    return _sound(int(told[1]), int(told[2])) if told else None


def _size_of_set(codec: str, word: str) -> tuple[int, int] | None:
    try:
        nal = base64.b64decode(word, validate=True)
        bits = _Bits(re.sub(rb"\x00\x00\x03", b"\x00\x00", nal))  # without emulation prevention
        if codec == "h264":
            return _h264(bits) if nal and nal[0] & 0x1F == _H264_SPS else None
        return _h265(bits) if nal and nal[0] >> 1 & 0x3F == _H265_SPS else None
    except (binascii.Error, ValueError, EOFError):
        return None


def _h264(bits: _Bits) -> tuple[int, int] | None:
    bits.skip(8)
    profile = bits.take(8)
    bits.skip(16)
    bits.golomb()
    chroma, separate = 1, 0
    if profile in _WITH_CHROMA:
        chroma = bits.golomb()
        separate = bits.take(1) if chroma == 3 else 0
        bits.golomb(), bits.golomb()
        bits.skip(1)
        if bits.take(1):
            _skip_scaling(bits, 12 if chroma == 3 else 8)
    bits.golomb()
    order = bits.golomb()
    if order == 0:
        bits.golomb()
    elif order == 1:
        bits.skip(1)
        bits.golomb(), bits.golomb()
        for _ in range(bits.golomb()):
            bits.golomb()
    bits.golomb()
    bits.skip(1)
    width, height_units = 16 * (bits.golomb() + 1), bits.golomb() + 1
    fields = 2 - bits.take(1)
    if fields == 2:
        bits.skip(1)
    bits.skip(1)
    x_unit, y_unit = _units(0 if separate else chroma)
    left, right, top, bottom = _crop(bits)
    return _sound(width - x_unit * (left + right), 16 * fields * height_units - fields * y_unit * (top + bottom))


def _h265(bits: _Bits) -> tuple[int, int] | None:
    bits.skip(16 + 4)
    layers = bits.take(3)
    bits.skip(1)
    _skip_profile(bits, layers)
    bits.golomb()
    chroma = bits.golomb()
    separate = bits.take(1) if chroma == 3 else 0
    width, height = bits.golomb(), bits.golomb()
    x_unit, y_unit = _units(0 if separate else chroma)
    left, right, top, bottom = _crop(bits)
    return _sound(width - x_unit * (left + right), height - y_unit * (top + bottom))


def _units(chroma: int) -> tuple[int, int]:
    """How many px one step of a crop is, across and down, by the kind of chroma."""
    return (2 if chroma in (1, 2) else 1), (2 if chroma == 1 else 1)


def _crop(bits: _Bits) -> tuple[int, int, int, int]:
    return (bits.golomb(), bits.golomb(), bits.golomb(), bits.golomb()) if bits.take(1) else (0, 0, 0, 0)


def _skip_scaling(bits: _Bits, lists: int) -> None:
    for number in range(lists):
        if not bits.take(1):
            continue
        last = following = 8
        for _ in range(16 if number < 6 else 64):
            if following:
                following = (last + bits.signed() + 256) % 256
            last = following or last


def _skip_profile(bits: _Bits, layers: int) -> None:
    bits.skip(88 + 8)
    present = [(bits.take(1), bits.take(1)) for _ in range(layers)]
    if layers:
        bits.skip(2 * (8 - layers))
    for profile, level in present:
        bits.skip(88 * profile + 8 * level)


def _sound(width: int, height: int) -> tuple[int, int] | None:
    return (width, height) if 0 < width <= _LARGEST_PX and 0 < height <= _LARGEST_PX else None


class _Bits:
    """Reads numbers off a row of bits; EOFError at its end."""

    def __init__(self, row: bytes) -> None:
        self._row, self._at = int.from_bytes(row, "big"), len(row) * 8

    def take(self, count: int) -> int:
        self._at -= count
        if self._at < 0:
            raise EOFError
        return self._row >> self._at & (1 << count) - 1

    def skip(self, count: int) -> None:
        self.take(count)

    def golomb(self) -> int:
        """An unsigned Exp-Golomb number (H.264 §9.1)."""
        zeros = 0
        while not self.take(1):
            zeros += 1
        return (1 << zeros) - 1 + self.take(zeros)

    def signed(self) -> int:
        value = self.golomb()
        return (value + 1) // 2 if value % 2 else -(value // 2)
