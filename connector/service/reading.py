"""Policies read and compiled once: the same text means the same, and one exchange asks several times."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from connector.policy import Compiled, Policy, parse
from connector.policy import compile as compile_policy

_MAX_TEXT: Final = 16 << 10
"""Longer policies are rare and read anew each time, so that a stranger cannot fill the memory with them."""


@dataclass(frozen=True, slots=True)
class Read:
    """A policy as the evaluator knows it."""

    policy: Policy
    compiled: Compiled


def read(policy: Mapping[str, Any]) -> Read:
    """The policy, read and compiled.

    Raises:
        PolicyInvalid: it cannot be read.
    """
    text = json.dumps(policy, ensure_ascii=False, separators=(",", ":"))
    return _kept(text) if len(text) <= _MAX_TEXT else _made(text)


def _made(text: str) -> Read:
    parsed = parse(json.loads(text))
    return Read(parsed, compile_policy(parsed))


_kept = lru_cache(maxsize=1024)(_made)
