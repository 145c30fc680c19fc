"""File names from outside, made safe to write on this machine or copy to another."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"/\\|?*\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)
_MAX_BYTES = 180  # leaves room for our own suffixes below the usual 255
_MAX_SUFFIX = 16
_SUFFIX = re.compile(r"(?<=.)\.[A-Za-z0-9]{1,10}\Z")
_EXTENDED = re.compile(r"filename\*\s*=\s*UTF-8''([^;\s]+)", re.IGNORECASE)
_QUOTED = re.compile(r'filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s"]+))', re.IGNORECASE)


def safe_name(name: str) -> str:
    """One path segment that says the same as `name`.

    It holds no separator, control or direction character, no name reserved by
    some system, no leading dot, no trailing dot or space, and at most 180 bytes of
    UTF-8 in the composed form (NFC). Where that changed anything, eight hex digits
    of the original's digest are added, so different names stay different.
    """
    composed = unicodedata.normalize("NFC", name)
    safe = _UNSAFE.sub("_", composed.encode("utf-8", "replace").decode("utf-8"))
    safe = safe.lstrip(". ").rstrip(". ")
    if _RESERVED.fullmatch(safe):
        safe = "_" + safe
    if safe and safe == composed and len(safe.encode("utf-8")) <= _MAX_BYTES:
        return safe
    mark = "-" + hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    stem, dot, suffix = safe.rpartition(".")
    if not dot or not stem or len(suffix.encode("utf-8")) > _MAX_SUFFIX:
        stem, dot, suffix = safe or "unnamed", "", ""
    room = _MAX_BYTES - len((mark + dot + suffix).encode("utf-8"))
    stem = stem.encode("utf-8")[:room].decode("utf-8", "ignore").rstrip(". ")
    return stem + mark + dot + suffix


def target_dir(root: Path, agreement_id: str, dataset_id: str) -> Path:
    """Where the data of one dataset under one agreement is kept: `ROOT/<agreement>/<dataset>`."""
    return root / safe_name(agreement_id) / safe_name(dataset_id)


def announced_name(headers: Mapping[str, str]) -> str | None:
    """The file name in Content-Disposition (RFC 6266), made safe; None if there is none."""
    value = headers.get("Content-Disposition", "")
    extended = _EXTENDED.search(value)
    if extended is not None:
        return safe_name(unquote(extended.group(1), errors="replace"))
    quoted = _QUOTED.search(value)
    if quoted is None:
        return None
    return safe_name(re.sub(r"\\(.)", r"\1", quoted.group(1) or quoted.group(2) or "")) or None


def announced_suffix(headers: Mapping[str, str]) -> str:
    """The plain ending (`.csv`) of the announced file name; "" if it has none, or one of our own."""
    found = _SUFFIX.search(announced_name(headers) or "")
    return found.group(0) if found is not None and found.group(0).lower() != ".part" else ""
