"""Taking secrets out of text that is written down, and characters that would forge lines."""

from __future__ import annotations

import re

HIDDEN = "[redacted]"

# Each pattern keeps its first group, so that a reader still sees what kind of secret it was. A pattern
# that names itself by a prefix does not depend on where in the text it stands.
_SECRETS = (
    r"(\bms_sess_)[A-Za-z0-9_\-]+",
    r"(\beyJ)[A-Za-z0-9_\-]{4,}\.[A-Za-z0-9_\-]*(?:\.[A-Za-z0-9_\-]*)?",  # a JWT, whole or cut off
    r"(\bgh[pousr]_)[A-Za-z0-9]{8,}",
    r"(\bgithub_pat_)[A-Za-z0-9_]{8,}",
    r"((?<![A-Za-z0-9])sk-ant-)[A-Za-z0-9_\-]{4,}",
    r"((?<![A-Za-z0-9])sk-)[A-Za-z0-9_\-]{8,}",
    r"(\bmcp_)[A-Za-z0-9_\-]{16,}",
    r"(\bgAAAAA)[A-Za-z0-9_\-]{16,}={0,2}",  # Fernet
    r"(\bauthorization\b[\"']?\s*[:=,]\s*(?:b?[\"'])?)(?:(?:bearer|basic|token)\s+)?[^\s\"',;}\])]+",
    r"(\bbearer\s+)[A-Za-z0-9._~+/=\-]{8,}",
    r"(\b\w*(?:token|secret|password|api_?key)(?:=|%3d))[^&\s\"'<>#]+",  # in URLs and in settings
    r"(://)[^/@\s:]*:[^/@\s]+(?=@)",  # a password in a URL
)
_SECRET = re.compile("|".join(_SECRETS), re.IGNORECASE)

# Anything that starts a new line somewhere, or makes a terminal do something.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def redact(text: str) -> str:
    """`text` with every secret in it replaced."""
    return _SECRET.sub(_hide, text)


def _hide(match: re.Match[str]) -> str:
    return f"{match.group(match.lastindex or 0)}{HIDDEN}"


def one_line(text: str) -> str:
    """`text` with control characters written out, so that it cannot end a line or begin another."""
    return _CONTROL.sub(_spell, text)


def _spell(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
