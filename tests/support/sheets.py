"""Survey sheets as technicians fill them, and as spreadsheet programs save them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path

HEADER = ("area", "hq_host", "hq_port", "box", "box_name", "address", "camera", "camera_name", "url", "user", "place")

GATE = {
    "area": "vung-mau",
    "hq_host": "hq.vung-mau.example",
    "box": "cho-gom",
    "box_name": "Chợ Gốm",
    "address": "10.70.1.11",
    "camera": "cong-cho",
    "camera_name": "Cổng chợ",
    "url": "rtsp://192.168.1.64:554/sub",
    "user": "viewer",
    "place": "Cột điện trước cổng chợ",
}
BRIDGE = {"box": "cho-gom", "camera": "dau-cau", "camera_name": "Đầu cầu", "url": "rtsp://192.168.1.65:554/sub"}
SCHOOL = {
    "box": "ben-tram",
    "box_name": "Bến Trám",
    "address": "10.70.2.11",
    "camera": "cong-truong",
    "camera_name": "Cổng trường",
    "url": "rtsp://192.168.1.64:554/Streaming/Channels/102",
    "user": "viewer",
}

Cells = Mapping[str, str]


def sheet_text(rows: Iterable[Cells], header: Iterable[str] = HEADER, separator: str = ",", end: str = "\n") -> str:
    """Write rows as CSV; a cell that a row does not name stays empty."""
    out = io.StringIO()
    columns = list(header)
    writer = csv.writer(out, delimiter=separator, lineterminator=end)
    writer.writerow(columns)
    writer.writerows([row.get(column, "") for column in columns] for row in rows)
    return out.getvalue()


def write_sheet(path: Path, *rows: Cells, header: Iterable[str] = HEADER) -> Path:
    """Put a sheet at ``path``."""
    path.write_text(sheet_text(rows, header), "utf-8")
    return path
