"""What can be said of a site.toml away from its box, where its certificates and keys are not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from agent import site_checks, site_toml
from agent.site_faults import ConfigErrors, Fault, Finding, from_pydantic, tell
from agent.site_model import SiteFile
from agent.site_secrets import Secrets, Vault


def read(path: Path) -> site_toml.Document:
    """Read a site.toml without judging what it says.

    Raises:
        ConfigErrors: it cannot be read, or is no TOML.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise _unreadable(path, "is not there", "make one with: commune-agent init") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise _unreadable(path, "is not UTF-8 text", "save it as UTF-8", line) from error
    except OSError as error:
        raise _unreadable(path, f"cannot be read ({error.strerror})", "name a file that this user may read") from error
    try:
        return site_toml.parse(text.replace("\r\n", "\n"))
    except site_toml.Broken as error:
        raise _unreadable(path, f"is no TOML: {error.problem}", error.hint, error.line) from error


def findings(values: Mapping[str, Any], folder: Path, *, passwords: bool) -> list[Finding]:
    """Give everything that keeps a site from being used, but for files that only its box has.

    Args:
        values: the parsed document.
        folder: of site.toml.
        passwords: whether the password files that it names must be there, filled and private.
    """
    try:
        SiteFile.model_validate(values)
        found = []
    except ValidationError as error:
        found = from_pydantic(error)
    found.extend(
        finding
        for finding in site_checks.faults(values, Vault(folder, Secrets.ALL if passwords else Secrets.NONE))
        if finding.path[:2] != ("uplink", "tls")
    )
    return found


def shape(path: Path) -> SiteFile:
    """Read a site.toml and check it as far as that can be done without any of the files it names.

    Raises:
        ConfigErrors: it cannot be used.
    """
    document = read(path)
    found = findings(document.values, path.resolve().parent, passwords=False)
    if found:
        faults = (tell(finding, document, str(path)) for finding in found)
        raise ConfigErrors(tuple(sorted(faults, key=lambda fault: fault.line)))
    return SiteFile.model_validate(document.values)


def _unreadable(path: Path, problem: str, remedy: str, line: int = 0) -> ConfigErrors:
    return ConfigErrors((Fault(str(path), line, "", problem, "", remedy),))
