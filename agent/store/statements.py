"""Every query of this room by name; the tables are in schema.py. ``@`` stands for a stream's letter."""

from __future__ import annotations

import functools

# --- any log -----------------------------------------------------------------------------------------------------
CURRENT_EPOCH = "SELECT epoch, first_seq FROM epochs WHERE stream = ? ORDER BY number DESC LIMIT 1"
EPOCHS = "SELECT epoch, first_seq, acked_upto FROM epochs WHERE stream = ? ORDER BY number"
ADD_EPOCH = "INSERT INTO epochs (stream, epoch, first_seq, since_utc_us, reason) VALUES (?, ?, ?, ?, ?)"
SET_ACKED = "UPDATE epochs SET acked_upto = max(acked_upto, ?) WHERE stream = ? AND epoch = ?"
LAST_SEQ = "SELECT seq FROM sqlite_sequence WHERE name = 'log_' || ?"
SET_LAST_SEQ = "UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'log_' || ?"
HASH_AT = "SELECT hash FROM log_@ WHERE seq = ? AND epoch = ?"
SEQ_OF_EVENT = "SELECT seq FROM log_@ WHERE event_id = ?"
OLDEST_IN_RANGE = "SELECT min(seq) FROM log_@ WHERE seq BETWEEN ? AND ?"
APPEND = """
INSERT INTO log_@ (seq, epoch, event_id, kind, body, signature, hash, utc_us, clock_state, boot_id, mono_us)
VALUES (:seq, :epoch, :event_id, :kind, :body, :signature, :hash, :utc_us, :clock_state, :boot_id, :mono_us)
"""
APPEND_INCIDENT = """
INSERT INTO log_a (seq, epoch, event_id, kind, body, signature, hash, utc_us, clock_state, boot_id, mono_us,
  incident, rev)
VALUES (:seq, :epoch, :event_id, :kind, :body, :signature, :hash, :utc_us, :clock_state, :boot_id, :mono_us,
  :incident, :rev)
"""
ROWS = """
SELECT seq, epoch, event_id, kind, body, signature, utc_us FROM log_@
WHERE epoch = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?
"""
NEWEST_ROWS = """
SELECT seq, epoch, event_id, kind, body, signature, utc_us FROM log_@ ORDER BY seq DESC LIMIT ?
"""
BODIES_OF_KINDS = "SELECT kind, body FROM log_@ WHERE kind IN (?, ?) ORDER BY seq"
BODIES_OF_EPOCH = "SELECT seq, body FROM log_@ WHERE epoch = ? AND seq > ? ORDER BY seq LIMIT 500"
MOVE = "UPDATE log_@ SET seq = ?, epoch = ?, body = ?, signature = ?, hash = ? WHERE seq = ?"

# --- retention ---------------------------------------------------------------------------------------------------
GET_META = "SELECT value FROM meta WHERE key = ?"
SET_META = "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
OLDEST_DATED = "SELECT utc_us FROM log_@ WHERE clock_state <> 'unset' ORDER BY seq LIMIT 1"
FIRST_YOUNG = "SELECT seq FROM log_@ WHERE clock_state <> 'unset' AND utc_us >= ? ORDER BY seq LIMIT 1"
LAST_OLD = "SELECT max(seq) FROM log_@ WHERE clock_state <> 'unset' AND utc_us < ? AND seq < ?"
DELETE_UPTO = "DELETE FROM log_@ WHERE seq <= ?"

# --- pictures ----------------------------------------------------------------------------------------------------
PICTURE_ROW = "SELECT seq FROM log_m WHERE event_id = ? AND sha256 = ?"
ADD_PICTURE_ROW = """
INSERT INTO log_m (seq, epoch, event_id, kind, sha256, content_type, size_bytes, utc_us, clock_state)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
ADD_PICTURE = "INSERT INTO pictures (sha256, content) VALUES (?, ?) ON CONFLICT DO NOTHING"
ADD_ORIGINAL = """
INSERT INTO originals (sha256, event_id, kind, content_type, size_bytes) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""
PICTURE_ROWS = """
SELECT seq, epoch, event_id, kind, utc_us FROM log_m WHERE epoch = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?
"""
_STORED = """
SELECT m.event_id, m.kind, m.sha256, m.content_type, m.gone, p.content
FROM log_m AS m LEFT JOIN pictures AS p ON p.sha256 = m.sha256
"""
PICTURE_AT = _STORED + "WHERE m.epoch = ? AND m.seq = ?"
PICTURE_BY_SHA = _STORED + "WHERE m.sha256 = ? ORDER BY m.gone IS NOT NULL, m.seq LIMIT 1"
ORIGINALS_OF_EVENT = "SELECT sha256, kind, content_type, size_bytes FROM originals WHERE event_id = ? ORDER BY kind"
OLDEST_PICTURES = "SELECT seq, size_bytes FROM log_m WHERE gone IS NULL ORDER BY seq LIMIT 200"
BURY_PICTURES = "UPDATE log_m SET gone = ? WHERE seq <= ? AND gone IS NULL"
BURY_LOST_PICTURES = """
UPDATE log_m SET gone = 'damaged'
WHERE gone IS NULL AND size_bytes <= 32768 AND sha256 NOT IN (SELECT sha256 FROM pictures)
"""
DROP_PICTURES = """
DELETE FROM pictures WHERE sha256 IN (SELECT sha256 FROM log_m WHERE seq BETWEEN ? AND ?)
AND NOT EXISTS (SELECT 1 FROM log_m AS other WHERE other.sha256 = pictures.sha256 AND other.seq > ? AND gone IS NULL)
"""
WANTED_FILES = "SELECT sha256 FROM log_m WHERE gone IS NULL AND seq > ? AND size_bytes > ?"
FORGET_ORIGINAL = "DELETE FROM originals WHERE sha256 = ?"
RENUMBER_PICTURES = "UPDATE log_m SET epoch = ?, seq = seq + ? WHERE epoch = ?"

# --- rule state --------------------------------------------------------------------------------------------------
PUT_SLOT = """
INSERT INTO slots (camera, rule, zone, slot, phase, incident, rev, since_mono_us, since_utc_us, clock_state, boot_id,
  alert_us, last_seen_mono_us, last_seen_utc_us, label, count, score, x1, y1, x2, y2, preexisting, quiet, excluded_us)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (camera, rule, zone, slot) DO UPDATE SET phase = excluded.phase, incident = excluded.incident,
  rev = excluded.rev, since_mono_us = excluded.since_mono_us, since_utc_us = excluded.since_utc_us,
  clock_state = excluded.clock_state, boot_id = excluded.boot_id, alert_us = excluded.alert_us,
  last_seen_mono_us = excluded.last_seen_mono_us, last_seen_utc_us = excluded.last_seen_utc_us,
  label = excluded.label, count = excluded.count, score = excluded.score, x1 = excluded.x1, y1 = excluded.y1,
  x2 = excluded.x2, y2 = excluded.y2, preexisting = excluded.preexisting, quiet = excluded.quiet,
  excluded_us = excluded.excluded_us
"""
FREE_SLOT = "DELETE FROM slots WHERE camera = ? AND rule = ? AND zone = ? AND slot = ?"
SLOTS = """
SELECT camera, rule, zone, slot, phase, incident, rev, since_mono_us, since_utc_us, clock_state, boot_id, alert_us,
  last_seen_mono_us, last_seen_utc_us, label, count, score, x1, y1, x2, y2, preexisting, quiet, excluded_us
FROM slots ORDER BY camera, rule, zone, slot
"""

# --- states of cameras -------------------------------------------------------------------------------------------
PUT_AILMENT = """
INSERT INTO ailments (camera, state, event_id, since_utc_us) VALUES (?, ?, ?, ?)
ON CONFLICT (camera, state) DO UPDATE SET event_id = excluded.event_id, since_utc_us = excluded.since_utc_us
"""
DROP_AILMENT = "DELETE FROM ailments WHERE camera = ? AND state = ?"
AILMENTS = "SELECT camera, state, event_id, since_utc_us FROM ailments ORDER BY camera, state"

# --- delivery ----------------------------------------------------------------------------------------------------
WATERMARKS = "SELECT stream, epoch, upto FROM watermarks"
FORKS = "SELECT stream, epoch, claimed_upto FROM forks"
RAISE_WATERMARK = """
INSERT INTO watermarks (stream, epoch, upto) VALUES (?, ?, ?)
ON CONFLICT (stream, epoch) DO UPDATE SET upto = max(upto, excluded.upto)
"""
ADD_FORK = """
INSERT INTO forks (stream, epoch, claimed_upto) VALUES (?, ?, ?)
ON CONFLICT (stream, epoch) DO UPDATE SET claimed_upto = max(claimed_upto, excluded.claimed_upto)
"""

# --- the page's desk ---------------------------------------------------------------------------------------------
LAST_AUDIT = "SELECT hash FROM audit ORDER BY seq DESC LIMIT 1"
ADD_AUDIT = "INSERT INTO audit (entry, hash) VALUES (?, ?)"
AUDIT = "SELECT seq, entry, hash FROM audit WHERE seq > ? ORDER BY seq LIMIT ?"
NEWEST_AUDIT = "SELECT seq, entry, hash FROM audit ORDER BY seq DESC LIMIT ?"
ADD_SESSION = """
INSERT INTO sessions (token_hash, user, idle_s, max_s, boot_id, opened_mono_us, opened_utc_us, seen_mono_us,
  seen_utc_us)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
SESSION = """
SELECT user, idle_s, max_s, boot_id, opened_mono_us, opened_utc_us, seen_mono_us, seen_utc_us
FROM sessions WHERE token_hash = ?
"""
SESSIONS = """
SELECT user, idle_s, max_s, boot_id, opened_mono_us, opened_utc_us, seen_mono_us, seen_utc_us, token_hash FROM sessions
"""
TOUCH_SESSION = """
UPDATE sessions SET boot_id = ?, opened_mono_us = ?, seen_mono_us = ?, seen_utc_us = ? WHERE token_hash = ?
"""
CLOSE_SESSION = "DELETE FROM sessions WHERE token_hash = ?"
FAILURES = "SELECT count, boot_id, last_mono_us, last_utc_us FROM failures WHERE who = ?"
ADD_FAILURE = """
INSERT INTO failures (who, count, boot_id, last_mono_us, last_utc_us) VALUES (?, 1, ?, ?, ?)
ON CONFLICT (who) DO UPDATE SET count = count + 1, boot_id = excluded.boot_id, last_mono_us = excluded.last_mono_us,
  last_utc_us = excluded.last_utc_us
"""
CLEAR_FAILURES = "DELETE FROM failures WHERE who = ?"
FORGET_FAILURES = "DELETE FROM failures WHERE last_utc_us < ?"

# --- read models -------------------------------------------------------------------------------------------------
INCIDENT_BODIES = """
SELECT seq, body, clock_state, event_id, epoch FROM log_a WHERE incident = ? ORDER BY seq
"""
RECENT_INCIDENTS = "SELECT seq, incident FROM log_a WHERE rev = 1 AND seq < ? ORDER BY seq DESC LIMIT ?"


@functools.cache
def of(statement: str, stream: str) -> str:
    """Give ``statement`` for the log of ``stream``."""
    return statement.replace("@", stream)
