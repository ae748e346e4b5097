"""Addresses that are shown, that carry credentials, and that stand in a pipeline's text."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import ConfigError
from agent.video.address import launch_fault, launchable, shown, with_credentials


@pytest.mark.parametrize("sign", [*" \t\n\r\x00\x0b\x7f'\"\\\u00a0é\u2028"])
def test_what_ends_or_bends_a_pipelines_text_is_refused(sign: str) -> None:
    with pytest.raises(ConfigError, match=r"cameras\.gate\.url: has .* write it as %"):
        launchable("gate", f"rtsp://10.0.0.9/a{sign}b")


def test_what_cameras_use_passes() -> None:
    url = "rtsp://[fd00::1]:554/cam/realmonitor?channel=1&subtype=1!#,;(~)"
    assert launchable("gate", url) == url


@given(st.text(min_size=1, max_size=20), st.text(max_size=20))
def test_credentials_of_any_signs_are_safe_and_come_back_whole(user: str, password: str) -> None:
    joined = with_credentials("rtsp://10.0.0.9:554/cam", user, password)
    assert launch_fault(joined) is None
    parts = urlsplit(joined)
    assert (unquote(parts.username or ""), unquote(parts.password or "")) == (user, password)
    assert (parts.hostname, parts.port, parts.path) == ("10.0.0.9", 554, "/cam")
    assert shown(joined) == "rtsp://10.0.0.9:554/cam"
