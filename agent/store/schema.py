"""The tables of the four database files, and the steps in which they grew.

``user_version`` is generation x 1000 + step. A step only ever adds, so a program works with any file of its own
generation that has at least its own steps; a change that cannot be an addition is a new generation.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.store.settings import StoreSettings

GENERATION = 1

# Written by migrate (first epoch, salvage) and by the log's writer (later epochs, acked_upto); nobody deletes.
_EPOCHS = """
CREATE TABLE epochs (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  stream TEXT NOT NULL CHECK (length(stream) = 1),
  epoch INTEGER NOT NULL CHECK (epoch > 0),
  first_seq INTEGER NOT NULL CHECK (first_seq > 0),
  acked_upto INTEGER NOT NULL DEFAULT 0 CHECK (acked_upto >= 0),
  since_utc_us INTEGER NOT NULL,
  reason TEXT NOT NULL,
  UNIQUE (stream, epoch)
) STRICT
"""

# Written by the file's writer (how far retention has come); nobody deletes.
_META = """
CREATE TABLE meta (
  key TEXT PRIMARY KEY,
  value ANY
) STRICT
"""

# One log of sealed events. Written by the file's one writer; deleted by its retention, never before HQ has the row.
_LOG = """
CREATE TABLE log_@ (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  epoch INTEGER NOT NULL,
  event_id TEXT NOT NULL UNIQUE CHECK (length(event_id) = 36),
  kind TEXT NOT NULL CHECK (length(kind) > 0),
  body BLOB NOT NULL CHECK (length(body) BETWEEN 2 AND 4096),
  signature BLOB NOT NULL CHECK (length(signature) = 64),
  hash BLOB NOT NULL CHECK (length(hash) = 32),
  utc_us INTEGER NOT NULL,
  clock_state TEXT NOT NULL CHECK (clock_state IN ('synced', 'holdover', 'unset')),
  boot_id TEXT NOT NULL CHECK (length(boot_id) = 32),
  mono_us INTEGER NOT NULL
) STRICT
"""

# As log_@, with the incident taken out of the body so that a page finds its revisions without reading every body.
_LOG_A = (
    _LOG.replace("@", "a").replace(
        "  utc_us INTEGER",
        "  incident TEXT,\n  rev INTEGER CHECK ((rev IS NULL) = (incident IS NULL)),\n  utc_us INTEGER",
    ),
    "CREATE INDEX log_a_incident ON log_a (incident, seq) WHERE incident IS NOT NULL",
    "CREATE INDEX log_a_first ON log_a (seq) WHERE rev = 1",
)

# The lock on I4: the deleting transaction must first have copied the watermark into acked_upto.
_KEEP = """
CREATE TRIGGER log_@_keep BEFORE DELETE ON log_@
WHEN OLD.seq > coalesce((SELECT acked_upto FROM epochs WHERE stream = '@' AND epoch = OLD.epoch), 0)
BEGIN SELECT RAISE(ABORT, 'row is not acknowledged'); END
"""

# Rule state that survives a restart. Written and deleted by watch, in the transaction of the event it belongs to.
_SLOTS = """
CREATE TABLE slots (
  camera TEXT NOT NULL,
  rule TEXT NOT NULL,
  zone TEXT NOT NULL,
  slot INTEGER NOT NULL,
  phase TEXT NOT NULL CHECK (phase IN ('pending', 'open')),
  incident TEXT NOT NULL,
  rev INTEGER NOT NULL CHECK (rev >= 0),
  since_mono_us INTEGER NOT NULL,
  since_utc_us INTEGER NOT NULL,
  clock_state TEXT NOT NULL CHECK (clock_state IN ('synced', 'holdover', 'unset')),
  boot_id TEXT NOT NULL,
  alert_us INTEGER NOT NULL,
  last_seen_mono_us INTEGER NOT NULL,
  last_seen_utc_us INTEGER NOT NULL,
  label TEXT NOT NULL,
  count INTEGER NOT NULL,
  score REAL NOT NULL,
  x1 REAL NOT NULL,
  y1 REAL NOT NULL,
  x2 REAL NOT NULL,
  y2 REAL NOT NULL,
  preexisting INTEGER NOT NULL CHECK (preexisting IN (0, 1)),
  quiet INTEGER NOT NULL CHECK (quiet IN (0, 1)),
  excluded_us INTEGER NOT NULL,
  PRIMARY KEY (camera, rule, zone, slot)
) STRICT
"""

# States of cameras whose end HQ has not been told. Written and deleted by watch, in the transaction of the event that
# tells the state's begin or end.
_AILMENTS = """
CREATE TABLE ailments (
  camera TEXT NOT NULL,
  state TEXT NOT NULL,
  event_id TEXT NOT NULL CHECK (length(event_id) = 36),
  since_utc_us INTEGER NOT NULL,
  PRIMARY KEY (camera, state)
) STRICT
"""

# Pictures meant to leave, in order; not sealed: each is proved by its hash inside a signed event. Written by watch;
# deleted by its retention once acknowledged. A picture given up before that stays as a tombstone (``gone``).
_LOG_M = """
CREATE TABLE log_m (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  epoch INTEGER NOT NULL,
  event_id TEXT NOT NULL CHECK (length(event_id) = 36),
  kind TEXT NOT NULL,
  sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
  content_type TEXT NOT NULL CHECK (content_type IN ('image/webp', 'image/jpeg')),
  size_bytes INTEGER NOT NULL CHECK (size_bytes > 0),
  utc_us INTEGER NOT NULL,
  clock_state TEXT NOT NULL CHECK (clock_state IN ('synced', 'holdover', 'unset')),
  gone TEXT,
  UNIQUE (event_id, sha256)
) STRICT
"""

# Bytes of the small pictures of log_m, apart from it so that renumbering a log moves no megabytes. Written and deleted
# by watch: a picture goes when its last row in log_m is deleted or becomes a tombstone.
_PICTURES = """
CREATE TABLE pictures (
  sha256 TEXT PRIMARY KEY CHECK (length(sha256) = 64),
  content BLOB NOT NULL CHECK (length(content) BETWEEN 1 AND 32768)
) STRICT
"""

# Which clean picture, a file in originals/, shows which event. Written by watch; deleted by it with the file.
_ORIGINALS = """
CREATE TABLE originals (
  sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
  event_id TEXT NOT NULL CHECK (length(event_id) = 36),
  kind TEXT NOT NULL,
  content_type TEXT NOT NULL,
  size_bytes INTEGER NOT NULL CHECK (size_bytes > 0),
  PRIMARY KEY (sha256, event_id)
) STRICT
"""

# How far HQ has each log: the only state of delivery. Written by uplink, at most every 5 s; nobody deletes.
_WATERMARKS = """
CREATE TABLE watermarks (
  stream TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  upto INTEGER NOT NULL CHECK (upto >= 0),
  PRIMARY KEY (stream, epoch)
) STRICT
"""
_RISE = """
CREATE TRIGGER watermarks_rise BEFORE UPDATE ON watermarks WHEN NEW.upto < OLD.upto
BEGIN SELECT RAISE(ABORT, 'a watermark never falls'); END
"""

# Epochs of which HQ has more than this box ever wrote: the disk was rolled back or cloned. Written by uplink; the
# log's writer reads it at its next start and takes a new epoch. Nobody deletes.
_FORKS = """
CREATE TABLE forks (
  stream TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  claimed_upto INTEGER NOT NULL,
  PRIMARY KEY (stream, epoch)
) STRICT
"""

# Who did what at the page. Written by page; nobody updates or deletes.
_AUDIT = """
CREATE TABLE audit (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  entry BLOB NOT NULL,
  hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT
"""
_AUDIT_LOCKS = tuple(
    f"CREATE TRIGGER audit_no_{verb.lower()} BEFORE {verb} ON audit "
    "BEGIN SELECT RAISE(ABORT, 'the audit only grows'); END"
    for verb in ("UPDATE", "DELETE")
)

# Who is logged in. Written by page; deleted by it at log-out and once expired.
_SESSIONS = """
CREATE TABLE sessions (
  token_hash BLOB PRIMARY KEY CHECK (length(token_hash) = 32),
  user TEXT NOT NULL,
  idle_s REAL NOT NULL CHECK (idle_s > 0),
  max_s REAL NOT NULL CHECK (max_s > 0),
  boot_id TEXT NOT NULL,
  opened_mono_us INTEGER NOT NULL,
  opened_utc_us INTEGER NOT NULL,
  seen_mono_us INTEGER NOT NULL,
  seen_utc_us INTEGER NOT NULL
) STRICT
"""

# Failed log-ins per name or address. Written by page; deleted by it at a success or after a day.
_FAILURES = """
CREATE TABLE failures (
  who TEXT PRIMARY KEY,
  count INTEGER NOT NULL CHECK (count > 0),
  boot_id TEXT NOT NULL,
  last_mono_us INTEGER NOT NULL,
  last_utc_us INTEGER NOT NULL
) STRICT
"""


def _log(stream: str) -> tuple[str, str]:
    return _LOG.replace("@", stream), _KEEP.replace("@", stream)


@dataclass(frozen=True)
class FileSchema:
    """One database file: its one writer, its streams, its steps.

    Attributes:
        name: file name in the state directory.
        process: the program that writes it; its key and its ballast carry the same name.
        streams: letters of its logs.
        steps: statements of each step, in order.
    """

    name: str
    process: str
    streams: str
    steps: tuple[tuple[str, ...], ...]

    @property
    def version(self) -> int:
        """The ``user_version`` of a file with all steps done."""
        return GENERATION * 1000 + len(self.steps)


WATCH = FileSchema(
    "watch.db",
    "watch",
    "aw",
    ((_META, _EPOCHS, *_LOG_A, _KEEP.replace("@", "a"), *_log("w"), _SLOTS), (_AILMENTS,)),
)
MEDIA = FileSchema(
    "media.db",
    "watch",
    "m",
    (
        (
            _META,
            _EPOCHS,
            _LOG_M,
            "CREATE INDEX log_m_sha256 ON log_m (sha256)",
            _KEEP.replace("@", "m"),
            _PICTURES,
            _ORIGINALS,
            "CREATE INDEX originals_event ON originals (event_id)",
        ),
    ),
)
DESK = FileSchema("desk.db", "page", "d", ((_META, _EPOCHS, *_log("d"), _AUDIT, *_AUDIT_LOCKS, _SESSIONS, _FAILURES),))
LINK = FileSchema("link.db", "uplink", "u", ((_META, _EPOCHS, *_log("u"), _WATERMARKS, _RISE, _FORKS),))
FILES = (WATCH, MEDIA, DESK, LINK)

SEALED = "awdu"
"""Streams whose rows are events; ``m`` holds pictures."""

CHAINED = "awd"
"""Streams whose events carry the hash of the one before."""


def quota_bytes(schema: FileSchema, settings: StoreSettings) -> int:
    """Tell how large a file may grow."""
    return settings.max_media_bytes if schema is MEDIA else settings.max_log_bytes
