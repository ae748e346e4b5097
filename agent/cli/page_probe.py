"""Ask the running page whether it is there; a file that names its address may be older than its death."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from urllib.parse import urlsplit

_LIMIT_S = 3.0


def running_page(runtime_dir: Path) -> str | None:
    """Give the address of the page of this box; None when nothing, or something else, answers there."""
    try:
        url = str(json.loads((runtime_dir / "page.json").read_bytes())["url"])
        place = urlsplit(url)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=_LIMIT_S)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    try:
        connection.request("GET", "/healthz", headers={"Connection": "close"})
        answer = connection.getresponse()
        return url if (answer.status, answer.read(16)) == (200, b"ok\n") else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
