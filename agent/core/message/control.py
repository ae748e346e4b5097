"""What box and HQ tell each other about the facts: acknowledgments, reports, who is there."""

from __future__ import annotations

from dataclasses import dataclass

from agent.core.event import Json
from agent.core.message.fields import (
    COUNT_LIMIT,
    Malformed,
    read_count,
    read_epoch,
    read_object,
    read_stream,
    read_text,
    write_object,
)

_RANGES = 64
_LOGS = 64


@dataclass(frozen=True, slots=True)
class Ack:
    """What HQ has committed of one log.

    Attributes:
        stream: which log.
        epoch: which life of it.
        upto: every seq up to here is at HQ, or was never to come.
        have: ranges above ``upto`` that are at HQ, both ends included.
        nonce: of the hello that this answers: what was sent before that hello and is not named here is not at HQ.
    """

    stream: str
    epoch: int
    upto: int
    have: tuple[tuple[int, int], ...] = ()
    nonce: str = ""


def encode_ack(ack: Ack) -> bytes:
    """Write an acknowledgment; only the first ranges above ``upto`` are told."""
    fields: dict[str, Json] = {
        "epoch": str(ack.epoch),
        "stream": ack.stream,
        "upto": ack.upto,
        "have": [[a, b] for a, b in ack.have[:_RANGES]],
    }
    if ack.nonce:
        fields["nonce"] = ack.nonce
    return write_object(fields)


def decode_ack(payload: bytes) -> Ack:
    """Read an acknowledgment.

    Raises:
        Malformed: a field is missing or impossible.
    """
    fields = read_object(payload, "ack")
    have = fields.get("have")
    if not isinstance(have, list) or len(have) > _RANGES:
        raise Malformed(f"have must be a list of at most {_RANGES} ranges")
    upto = read_count(fields, "upto")
    ranges = tuple(_range(pair, upto) for pair in have)
    return Ack(read_stream(fields), read_epoch(fields), upto, ranges, read_text(fields, "nonce", ""))


def _range(pair: Json, upto: int) -> tuple[int, int]:
    if isinstance(pair, list) and len(pair) == 2:
        a, b = pair
        if type(a) is int and type(b) is int and upto < a <= b < COUNT_LIMIT:
            return a, b
    raise Malformed(f"range {str(pair)[:40]} is not [a, b] with {upto} < a <= b")


@dataclass(frozen=True, slots=True)
class LogState:
    """How far one life of one log has come, as the box tells HQ.

    Attributes:
        stream: which log.
        epoch: which life of it.
        first: lowest seq it ever had.
        oldest: lowest seq it still keeps; head + 1 when it keeps none.
        acked: HQ's watermark as the box knows it.
        head: highest seq.
        next_id: event id of row ``acked`` + 1, told in a hello: HQ having another one there means that this disk
            was rolled back or cloned; empty where there is no such row.
    """

    stream: str
    epoch: int
    first: int
    oldest: int
    acked: int
    head: int
    next_id: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """A box's ``hello`` (with a nonce, on connecting) or heartbeat ``h`` (without).

    Attributes:
        utc_us: the box's wall clock.
        clock: its quality: ``synced``, ``holdover`` or ``unset``.
        logs: every life of every log that still has rows.
        nonce: drawn for this hello; HQ's answers carry it; empty in a heartbeat.
        backlog_bytes: an estimate of what HQ has not acknowledged.
        disk_free_bytes: on the partition of the store.
    """

    utc_us: int
    clock: str
    logs: tuple[LogState, ...]
    nonce: str = ""
    backlog_bytes: int = 0
    disk_free_bytes: int = 0


def encode_report(report: Report) -> bytes:
    """Write a hello or a heartbeat."""
    fields: dict[str, Json] = {
        "utc_us": report.utc_us,
        "clock": report.clock,
        "backlog_bytes": report.backlog_bytes,
        "disk_free_bytes": report.disk_free_bytes,
        "logs": [
            {
                "stream": log.stream,
                "epoch": str(log.epoch),
                "first": log.first,
                "oldest": log.oldest,
                "acked": log.acked,
                "head": log.head,
                **({"next_id": log.next_id} if log.next_id else {}),
            }
            for log in report.logs[:_LOGS]
        ],
    }
    if report.nonce:
        fields["nonce"] = report.nonce
    return write_object(fields)


def decode_report(payload: bytes) -> Report:
    """Read a hello or a heartbeat.

    Raises:
        Malformed: a field is missing or impossible.
    """
    fields = read_object(payload, "report")
    logs = fields.get("logs")
    if not isinstance(logs, list) or len(logs) > _LOGS:
        raise Malformed(f"logs must be a list of at most {_LOGS}")
    return Report(
        utc_us=read_count(fields, "utc_us"),
        clock=read_text(fields, "clock"),
        logs=tuple(_log_state(log) for log in logs),
        nonce=read_text(fields, "nonce", ""),
        backlog_bytes=read_count(fields, "backlog_bytes"),
        disk_free_bytes=read_count(fields, "disk_free_bytes"),
    )


def _log_state(fields: Json) -> LogState:
    if not isinstance(fields, dict):
        raise Malformed("each of logs must be an object")
    first, oldest, head = read_count(fields, "first"), read_count(fields, "oldest"), read_count(fields, "head")
    if not first <= oldest <= head + 1:
        raise Malformed(f"a log cannot have first {first}, oldest {oldest} and head {head}")
    acked, next_id = read_count(fields, "acked"), read_text(fields, "next_id", "")
    return LogState(read_stream(fields), read_epoch(fields), first, oldest, acked, head, next_id)


@dataclass(frozen=True, slots=True)
class BoxState:
    """``s``: retained, and a box's last will.

    Attributes:
        state: ``online``, ``offline`` (the will: the connection broke) or ``stopped`` (said goodbye).
        version: of the agent.
        config_hash: of the site configuration.
        model_hash: of the model file.
    """

    state: str
    version: str = ""
    config_hash: str = ""
    model_hash: str = ""


def encode_box_state(state: BoxState) -> bytes:
    """Write a box's state."""
    return write_object(
        {"state": state.state, "version": state.version, "config": state.config_hash, "model": state.model_hash}
    )


def decode_box_state(payload: bytes) -> BoxState:
    """Read a box's state.

    Raises:
        Malformed: a field is missing or impossible.
    """
    fields = read_object(payload, "box state")
    state = read_text(fields, "state")
    if state not in ("online", "offline", "stopped"):
        raise Malformed(f"state {state[:40]!r} is none of online, offline, stopped")
    return BoxState(
        state, read_text(fields, "version", ""), read_text(fields, "config", ""), read_text(fields, "model", "")
    )


@dataclass(frozen=True, slots=True)
class HqState:
    """``hq/s``: retained, and the receiver's last will.

    Attributes:
        online: whether somebody there commits what arrives.
        bulk_budget_bps: bits a second each box may spend on pictures; 0 = none now, None = no limit.
        reconnect_spread_s: boxes spread their first reconnection over this long.
    """

    online: bool
    bulk_budget_bps: int | None = None
    reconnect_spread_s: float = 0.0


def encode_hq_state(state: HqState) -> bytes:
    """Write HQ's state."""
    fields: dict[str, Json] = {"state": "online" if state.online else "offline"}
    if state.online:
        fields["reconnect_spread_s"] = state.reconnect_spread_s
        if state.bulk_budget_bps is not None:
            fields["bulk_budget_bps"] = state.bulk_budget_bps
    return write_object(fields)


def decode_hq_state(payload: bytes) -> HqState:
    """Read HQ's state.

    Raises:
        Malformed: a field is missing or impossible.
    """
    fields = read_object(payload, "HQ state")
    state = read_text(fields, "state")
    if state not in ("online", "offline"):
        raise Malformed(f"state {state[:40]!r} is neither online nor offline")
    spread = fields.get("reconnect_spread_s", 0.0)
    if not isinstance(spread, (int, float)) or isinstance(spread, bool) or not 0 <= spread <= 3600:
        raise Malformed("reconnect_spread_s must be 0 to 3600")
    budget = read_count(fields, "bulk_budget_bps") if "bulk_budget_bps" in fields else None
    return HqState(state == "online", budget, float(spread))
