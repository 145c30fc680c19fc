"""Base64url without padding (RFC 7515 §2), in its one canonical spelling."""

from __future__ import annotations

import base64
import binascii


def encode(raw: bytes) -> str:
    """The bytes as base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """The bytes that the text spells.

    Raises:
        ValueError: another alphabet, padding, white space, or stray bits at the end.
    """
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise ValueError(f"not base64url: {error}") from None
    # Python's decoder skips foreign characters and ignores stray bits; the way back shows both.
    if encode(raw) != text:
        raise ValueError("not canonical base64url")
    return raw
