"""The tables of HQ's database and every statement run on them.

One process writes all of it; nothing here is ever deleted except ranges that are joined, ranges of a log whose box was
rolled back, and the oldest of the dead letters that count as nobody's.
"""

from __future__ import annotations

VERSION = 1002
"""Generation x 1000 + step, as on the boxes: a program refuses another generation."""

TABLES = (
    # Every event once, by its id. Two events on one position are both kept: see forks.
    """CREATE TABLE events (
      event_id TEXT PRIMARY KEY CHECK (length(event_id) = 36),
      box TEXT NOT NULL,
      epoch INTEGER NOT NULL,
      stream TEXT NOT NULL,
      seq INTEGER NOT NULL,
      kind TEXT NOT NULL,
      utc_us INTEGER NOT NULL,
      clock TEXT NOT NULL,
      incident TEXT,
      rev INTEGER,
      verified INTEGER NOT NULL CHECK (verified IN (0, 1)),
      body BLOB NOT NULL,
      signature BLOB NOT NULL,
      received_us INTEGER NOT NULL
    ) STRICT""",
    "CREATE INDEX events_position ON events (box, epoch, stream, seq)",
    "CREATE INDEX events_incident ON events (incident, rev) WHERE incident IS NOT NULL",
    # What was received, new or not, good or dead: acknowledgments are computed from this alone.
    """CREATE TABLE seen (
      box TEXT NOT NULL,
      epoch INTEGER NOT NULL,
      stream TEXT NOT NULL,
      a INTEGER NOT NULL,
      b INTEGER NOT NULL CHECK (b >= a),
      PRIMARY KEY (box, epoch, stream, a)
    ) STRICT, WITHOUT ROWID""",
    # What each box says of its logs.
    """CREATE TABLE logs (
      box TEXT NOT NULL,
      epoch INTEGER NOT NULL,
      stream TEXT NOT NULL,
      first INTEGER NOT NULL,
      oldest INTEGER NOT NULL,
      acked INTEGER NOT NULL,
      head INTEGER NOT NULL,
      heard_us INTEGER NOT NULL,
      PRIMARY KEY (box, epoch, stream)
    ) STRICT, WITHOUT ROWID""",
    # Rows a box no longer has and HQ never got.
    """CREATE TABLE gaps (
      box TEXT NOT NULL,
      epoch INTEGER NOT NULL,
      stream TEXT NOT NULL,
      a INTEGER NOT NULL,
      b INTEGER NOT NULL CHECK (b >= a),
      noticed_us INTEGER NOT NULL,
      PRIMARY KEY (box, epoch, stream, a)
    ) STRICT, WITHOUT ROWID""",
    # Signs that a box's disk was rolled back or cloned: two ids on one position, or a head below what HQ has.
    """CREATE TABLE forks (
      number INTEGER PRIMARY KEY AUTOINCREMENT,
      box TEXT NOT NULL,
      epoch INTEGER NOT NULL,
      stream TEXT NOT NULL,
      seq INTEGER NOT NULL,
      what TEXT NOT NULL,
      noticed_us INTEGER NOT NULL,
      UNIQUE (box, epoch, stream, seq, what)
    ) STRICT""",
    # What could not be used, whole.
    """CREATE TABLE dead_letters (
      number INTEGER PRIMARY KEY AUTOINCREMENT,
      topic TEXT NOT NULL,
      reason TEXT NOT NULL,
      payload BLOB NOT NULL,
      box TEXT,
      epoch INTEGER,
      stream TEXT,
      seq INTEGER,
      received_us INTEGER NOT NULL
    ) STRICT""",
    # A picture belongs to an event; its file lies at path, below the data directory. A tombstone has a reason, no path.
    """CREATE TABLE images (
      event_id TEXT NOT NULL,
      sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
      kind TEXT NOT NULL,
      box TEXT NOT NULL,
      epoch INTEGER NOT NULL,
      seq INTEGER NOT NULL,
      utc_us INTEGER NOT NULL,
      content_type TEXT NOT NULL,
      size_bytes INTEGER NOT NULL,
      path TEXT NOT NULL,
      gone TEXT NOT NULL,
      received_us INTEGER NOT NULL,
      PRIMARY KEY (event_id, sha256, box)
    ) STRICT""",
    "CREATE INDEX images_position ON images (box, epoch, seq)",
)

STEPS = {
    1001: TABLES,
    1002: (
        # What a dead letter says it is where the registry contradicts it: a box sends it again and again, kept once.
        "ALTER TABLE dead_letters ADD COLUMN claim TEXT",
        "CREATE UNIQUE INDEX dead_letters_claim ON dead_letters (claim) WHERE claim IS NOT NULL",
        # Up to which rowid of events and images the lines were shown: what is above is shown at the next start. Rows of
        # both tables are never deleted, so that rowids rise with arrival and have no holes.
        """CREATE TABLE shown (
          one INTEGER PRIMARY KEY CHECK (one = 1),
          events INTEGER NOT NULL,
          images INTEGER NOT NULL
        ) STRICT""",
        """INSERT INTO shown
          SELECT 1, (SELECT coalesce(max(rowid), 0) FROM events), (SELECT coalesce(max(rowid), 0) FROM images)""",
    ),
}
"""What leads from each version to the next; a step only adds, so that an older program of the generation goes on."""

ADD_EVENT = """INSERT INTO events VALUES (:event_id, :box, :epoch, :stream, :seq, :kind, :utc_us, :clock, :incident,
  :rev, :verified, :body, :signature, :received_us) ON CONFLICT (event_id) DO NOTHING"""
OTHER_EVENT = (
    "SELECT event_id FROM events WHERE box = ? AND epoch = ? AND stream = ? AND seq = ? AND event_id <> ? LIMIT 1"
)
ADD_IMAGE = """INSERT INTO images VALUES (:event_id, :sha256, :kind, :box, :epoch, :seq, :utc_us, :content_type,
  :size_bytes, :path, :gone, :received_us) ON CONFLICT (event_id, sha256, box) DO UPDATE
  SET path = excluded.path, gone = '', content_type = excluded.content_type, size_bytes = excluded.size_bytes
  WHERE images.path = '' AND excluded.path <> ''"""
OTHER_IMAGE = "SELECT sha256 FROM images WHERE box = ? AND epoch = ? AND seq = ? AND sha256 <> ? LIMIT 1"
IDS_AT = """SELECT event_id FROM events WHERE box = :box AND epoch = :epoch AND stream = :stream AND seq = :seq
  UNION SELECT event_id FROM images WHERE :stream = 'm' AND box = :box AND epoch = :epoch AND seq = :seq"""
ADD_DEAD = """INSERT INTO dead_letters (topic, reason, payload, box, epoch, stream, seq, received_us, claim)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (claim) WHERE claim IS NOT NULL DO NOTHING"""
TRIM_DEAD = """DELETE FROM dead_letters WHERE box IS NULL AND number <=
  (SELECT number FROM dead_letters WHERE box IS NULL ORDER BY number DESC LIMIT 1 OFFSET ?)"""
ADD_FORK = """INSERT INTO forks (box, epoch, stream, seq, what, noticed_us) VALUES (?, ?, ?, ?, ?, ?)
  ON CONFLICT DO NOTHING"""

UNSHOWN_EVENTS = """SELECT box, epoch, stream, seq, event_id, body, signature, verified FROM events
  WHERE rowid > (SELECT events FROM shown) ORDER BY rowid"""
UNSHOWN_IMAGES = """SELECT box, epoch, seq, event_id, sha256, kind, utc_us, content_type, gone, path FROM images
  WHERE rowid > (SELECT images FROM shown) ORDER BY rowid"""
MARK_SHOWN = """UPDATE shown SET events = (SELECT coalesce(max(rowid), 0) FROM events),
  images = (SELECT coalesce(max(rowid), 0) FROM images)"""
PROOFS = "SELECT body FROM events WHERE event_id = ? AND box = ? AND verified = 1"

TOUCHING = "SELECT a, b FROM seen WHERE box = ? AND epoch = ? AND stream = ? AND a <= ? AND b >= ?"
DROP_TOUCHING = "DELETE FROM seen WHERE box = ? AND epoch = ? AND stream = ? AND a <= ? AND b >= ?"
ADD_SEEN = "INSERT INTO seen VALUES (?, ?, ?, ?, ?)"
SEEN = "SELECT a, b FROM seen WHERE box = ? AND epoch = ? AND stream = ? ORDER BY a"
FORGET_SEEN = "DELETE FROM seen WHERE box = ? AND epoch = ? AND stream = ?"

TELL_LOG = """INSERT INTO logs VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (box, epoch, stream) DO UPDATE SET
  first = excluded.first, oldest = excluded.oldest, acked = excluded.acked, head = excluded.head,
  heard_us = excluded.heard_us"""
BASE = "SELECT max(first, oldest) FROM logs WHERE box = ? AND epoch = ? AND stream = ?"
GAPS = "SELECT a, b FROM gaps WHERE box = ? AND epoch = ? AND stream = ?"
ADD_GAP = "INSERT INTO gaps VALUES (?, ?, ?, ?, ?, ?)"
