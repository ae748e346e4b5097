"""Keep the pictures of events: small ones that leave in media.db, the others as files; and make room for new ones."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass

from agent.clock import Moment
from agent.core.image import Image
from agent.errors import StoreDamaged, StoreError, StoreFull
from agent.store import originals
from agent.store import statements as sql
from agent.store.ballast import BALLAST_BYTES
from agent.store.log import Log
from agent.store.settings import StoreSettings

log = logging.getLogger(__name__)

ROW_LIMIT_BYTES = 32 * 1024
_PAGE_BYTES = 4096
_RESERVE_BYTES = 64 * 1024 * 1024
_RESERVE_SHARE = 20
_EVICT_SHARE = 20
_FLOOR_BYTES = 2 * BALLAST_BYTES  # the last space on a disk, and a ballast just released, are for events
QUOTA_REACHED = "quota"


@dataclass(frozen=True, slots=True)
class Owned:
    """A picture and the event it belongs to."""

    image: Image
    event_id: str
    at: Moment

    @property
    def as_file(self) -> bool:
        """Whether it is kept as a file: it stays on the box, or is too large for a row."""
        return not self.image.leaves_box or len(self.image.content) > ROW_LIMIT_BYTES


class Pictures:
    """Stream ``m`` and the folder of originals; used by watch alone."""

    def __init__(self, media: Log, settings: StoreSettings) -> None:
        self._media = media
        self._folder = settings.originals_dir
        self._max_originals_bytes = settings.max_originals_bytes
        self._max_media_bytes = settings.max_media_bytes
        self._originals_bytes: int | None = None

    def keep(self, pictures: Sequence[Owned]) -> dict[str, str]:
        """Make pictures durable, as many as possible.

        Returns:
            why a picture was lost, by SHA-256; empty when all were kept.

        Raises:
            StoreDamaged: media.db must go through ``migrate``.
        """
        if pictures and self._disk_full():
            log.error("disk nearly full: %d pictures lost, their events are recorded without them", len(pictures))
            return {owned.image.sha256: "no space" for owned in pictures}
        lost = {}
        for owned in pictures:
            if owned.as_file:
                reason = self._keep_file(owned.image)
                if reason:
                    lost[owned.image.sha256] = reason
        kept = [owned for owned in pictures if owned.image.sha256 not in lost]
        if not kept:
            return lost
        try:
            self._write_rows(kept)
        except StoreDamaged:
            raise
        except StoreError as error:
            log.error("pictures lost, their event is recorded without them: %s", error)
            reason = "no space" if isinstance(error, StoreFull) else "write error"
            lost.update({owned.image.sha256: reason for owned in kept})
        return lost

    def make_room(self, needed_bytes: int) -> int:
        """Give up pictures of ``m``, oldest first, so acknowledged ones before others; each leaves a tombstone.

        Returns:
            bytes of content given up.
        """
        freed = 0
        while freed < needed_bytes:
            oldest = self._media.ask(sql.OLDEST_PICTURES)
            if not oldest:
                break
            upto = first = oldest[0][0]
            for seq, size in oldest:
                upto, freed = seq, freed + size
                if freed >= needed_bytes:
                    break
            self._media.write(lambda first=first, upto=upto: self._bury(first, upto))  # type: ignore[misc]
        return freed

    def enforce_quotas(self, acked_upto: int) -> None:
        """Hold media.db and the originals below their quotas, a twentieth below so that it is seldom needed."""
        pages = self._media.ask("PRAGMA page_count")[0][0] - self._media.ask("PRAGMA freelist_count")[0][0]
        excess = pages * _PAGE_BYTES - self._max_media_bytes * (_EVICT_SHARE - 1) // _EVICT_SHARE
        if excess > 0:
            log.warning("media.db nears its quota: gave up %d bytes of its oldest pictures", self.make_room(excess))
        if self._originals_total() > self._allowed_originals():
            self._evict_originals(acked_upto)

    def _disk_full(self) -> bool:
        """Tell whether what is left is for events; a folder that went away is made again on the occasion."""
        try:
            self._folder.mkdir(exist_ok=True, mode=0o700)
            return shutil.disk_usage(self._folder).free < _FLOOR_BYTES
        except OSError as error:  # each picture finds out for itself: those in media.db do not need the folder
            log.error("the folder of clean pictures cannot be used: %s", error)
            return False

    def _keep_file(self, image: Image) -> str:
        try:
            added = originals.keep(self._folder, image.sha256, image.content)
        except StoreError as error:
            log.error("a picture is lost, its event is recorded without it: %s", error)
            return "no space" if isinstance(error, StoreFull) else "write error"
        if self._originals_bytes is not None:
            self._originals_bytes += added
        return ""

    def _write_rows(self, pictures: Sequence[Owned]) -> None:
        try:
            self._media.write(lambda: self._add_rows(pictures))
        except StoreFull:
            # The file is at its quota, for the disk itself has room left: old pictures give way to new ones.
            log.warning("no space for new pictures in %s: giving up its oldest ones", self._media.path)
            self.make_room(self._max_media_bytes // _EVICT_SHARE)
            self._media.write(lambda: self._add_rows(pictures))

    def _add_rows(self, pictures: Sequence[Owned]) -> None:
        for owned in pictures:
            image = owned.image
            if owned.as_file:
                original = (image.sha256, owned.event_id, image.kind, image.content_type, len(image.content))
                self._media.run(sql.ADD_ORIGINAL, *original)
            else:
                self._media.run(sql.ADD_PICTURE, image.sha256, image.content)
            if image.leaves_box and not self._media.ask(sql.PICTURE_ROW, owned.event_id, image.sha256):
                self._add_row(owned)

    def _add_row(self, owned: Owned) -> None:
        image, tip = owned.image, self._media.tips["m"]
        place = (tip.seq + 1, tip.epoch, owned.event_id, image.kind, image.sha256, image.content_type)
        self._media.run(sql.ADD_PICTURE_ROW, *place, len(image.content), owned.at.utc_us, owned.at.state.value)
        self._media.advance("m")

    def _bury(self, first: int, upto: int) -> None:
        self._media.run(sql.BURY_PICTURES, QUOTA_REACHED, upto)
        self._media.run(sql.DROP_PICTURES, first, upto, upto)

    def _originals_total(self) -> int:
        if self._originals_bytes is None:
            self._originals_bytes = sum(size for _, size in originals.oldest_first(self._folder))
        return self._originals_bytes

    def _allowed_originals(self) -> int:
        # Clean pictures are the first to make room when the disk itself runs out: a reserve is kept for the logs.
        disk = shutil.disk_usage(self._folder)
        reserve = max(2 * _FLOOR_BYTES, min(_RESERVE_BYTES, disk.total // _RESERVE_SHARE))
        return min(self._max_originals_bytes, self._originals_total() + disk.free - reserve)

    def _evict_originals(self, acked_upto: int) -> None:
        allowed = self._allowed_originals() * (_EVICT_SHARE - 1) // _EVICT_SHARE
        wanted = {row[0] for row in self._media.ask(sql.WANTED_FILES, acked_upto, ROW_LIMIT_BYTES)}
        files = originals.oldest_first(self._folder)
        total = sum(size for _, size in files)
        gone = []
        for path, size in sorted(files, key=lambda file: file[0].name in wanted):
            if total <= allowed:
                break
            path.unlink(missing_ok=True)
            total -= size
            gone.append(path.name)
        self._originals_bytes = total
        if not gone:
            return
        log.warning("originals reached their quota: deleted the %d oldest", len(gone))
        self._media.write(lambda: [self._media.run(sql.FORGET_ORIGINAL, sha256) for sha256 in gone])
