"""Ask the running page whether it is there; a file that names its address may be older than its death."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from urllib.parse import urlsplit

_LIMIT_S = 3.0


def told(runtime_dir: Path, what: str) -> str | None:
    """Give what the page of this box says of itself in page.json; None where it does not.

    Args:
        runtime_dir: of the box.
        what: ``url``, ``accounts`` (the file it has them from) or ``boot`` (id of this boot, as it sees it).
    """
    try:
        said = json.loads((runtime_dir / "page.json").read_bytes())[what]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return said if isinstance(said, str) else None


def running_page(runtime_dir: Path) -> str | None:
    """Give the address of the page of this box; None when nothing, or something else, answers there."""
    url = told(runtime_dir, "url") or ""
    try:
        place = urlsplit(url)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=_LIMIT_S)
    except ValueError:
        return None
    try:
        connection.request("GET", "/healthz", headers={"Connection": "close"})
        answer = connection.getresponse()
        return url if (answer.status, answer.read(16)) == (200, b"ok\n") else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
