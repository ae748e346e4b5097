"""The few errors an operator can meet, named for what to do next."""

from __future__ import annotations


class AgentError(Exception):
    """Root of every error this software raises on purpose; the text is fit to show to a person.

    Attributes:
        exit_code: what a command exits with when this error ends it.
    """

    exit_code = 1


class ConfigError(AgentError):
    """The configuration cannot be used; ``key`` is the dotted path at fault."""

    exit_code = 2

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(f"{key}: {problem}")
        self.key = key
        self.problem = problem


class BackendMissing(AgentError):
    """A named backend (video, engine, program) is not on this machine; nothing is tried in its place."""

    exit_code = 3

    def __init__(self, backend: str, reason: str) -> None:
        super().__init__(f"backend {backend!r} cannot be used here: {reason}")
        self.backend = backend
        self.reason = reason


class SourceLost(AgentError):
    """A camera or file gives no frames (any more); the capture thread retries with back-off."""

    exit_code = 4

    def __init__(self, camera: str, problem: str) -> None:
        super().__init__(f"camera {camera}: {problem}")
        self.camera = camera
        self.problem = problem


class SourceEnded(SourceLost):
    """A file has been read to its end; this is not a fault."""


class ModelError(AgentError):
    """A model file or its card cannot be used; ``subject`` names the file or card."""

    exit_code = 5

    def __init__(self, subject: str, problem: str) -> None:
        super().__init__(f"model {subject}: {problem}")
        self.subject = subject
        self.problem = problem


class StoreError(AgentError):
    """A log could not be written or read; the fact is still in the caller's hand and must be tried again."""

    exit_code = 6


class StoreFull(StoreError):
    """No space is left for the store, even after its ballast was released."""


class StoreDamaged(StoreError):
    """A database file is corrupt or not a database; ``migrate`` salvages it on the next start."""


class StoreVersion(StoreError):
    """A database file is missing or of another generation; run ``commune-agent migrate``."""


class LinkError(AgentError):
    """The broker refused or dropped the connection for a reason that a person must mend."""

    exit_code = 7


class WornOut(AgentError):
    """A driver in this process is used up, and only a fresh process mends that; whoever runs it starts it again."""

    exit_code = 8
