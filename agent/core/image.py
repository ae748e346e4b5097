"""An encoded picture and the name by which facts refer to it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ImageRef:
    """What an event says about one of its pictures.

    Attributes:
        kind: ``before``, ``overview``, ``closeup`` or ``after``.
        sha256: hex digest of the encoded bytes; proves the picture by the signed event that names it.
        size_bytes: length of the encoded bytes.
        width: px.
        height: px.
    """

    kind: str
    sha256: str
    size_bytes: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Image:
    """An encoded picture.

    Attributes:
        kind: as in ImageRef.
        content: WebP or JPEG bytes.
        content_type: ``image/webp`` or ``image/jpeg``.
        width: px.
        height: px.
        leaves_box: True for the redacted, small picture that travels; False for the clean one that stays.
    """

    kind: str
    content: bytes
    content_type: str
    width: int
    height: int
    leaves_box: bool

    @property
    def sha256(self) -> str:
        """Hex digest of the content."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def ref(self) -> ImageRef:
        """The name by which an event refers to this picture."""
        return ImageRef(self.kind, self.sha256, len(self.content), self.width, self.height)
