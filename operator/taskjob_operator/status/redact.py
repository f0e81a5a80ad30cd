"""One line of an error that may be shown to whoever may read the object: without what looks like a secret."""

from __future__ import annotations

import re

HIDDEN = "***"
_LONGEST = 4096

_SECRETS = (
    # scheme://user:password@host
    (re.compile(r"(?<=://)[^/\s@]+(?=@)"), HIDDEN),
    # password=…, "api_key": "…", token: …
    (
        re.compile(
            r"(?i)([\"']?[\w.-]*(?:password|passwd|pwd|secret|token|api[_-]?key|access[_-]?key|credential)[\w.-]*[\"']?"
            r"\s*[=:]\s*)(\"[^\"]*\"|'[^']*'|[^\s,;&}\])]+)"
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9+/._~=-]{8,}"), rf"\1 {HIDDEN}"),
    # JSON web tokens, and keys known by their beginning
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"), HIDDEN),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bgh[pousr]_\w{20,}|\bxox[abprs]-[\w-]{10,}|\bsk-[\w-]{16,}"), HIDDEN),
    # the signature of a signed address
    (re.compile(r"(?i)([?&](?:x-amz-(?:signature|credential|security-token)|sig|signature)=)[^&\s]+"), rf"\1{HIDDEN}"),
)


def redacted_line(text: str) -> str:
    """Control characters and line breaks become spaces; only the beginning of a very long text is looked at."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[:_LONGEST]).split())
    for pattern, shown in _SECRETS:
        line = pattern.sub(shown, line)
    return line
