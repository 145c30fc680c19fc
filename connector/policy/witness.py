"""The request that shows a claim about two policies: its facts, and the engine's own word on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from connector.model.names import ODRL
from connector.policy import terms
from connector.policy.axes import ELAPSED, MISSING, MONTHS, NOW, ONE_NAME, OTHER, SEVERAL
from connector.policy.context import Context
from connector.policy.further import FURTHER
from connector.policy.operands import OPERANDS
from connector.policy.space import Space
from connector.policy.values import Duration, key_of, later

_SOME_TIME: Final = datetime(2026, 1, 1, tzinfo=UTC)
_SOMEBODY: Final = "did:web:somebody-else.example"
_SOMETHING: Final = "urn:something-else"
_FACT_OF: Final = {ODRL + "count": "uses"}
_SEVERAL: Final = "several values"
_SHAPES: Final = ("number", "time", "duration", "name")


@dataclass(frozen=True, slots=True)
class Witness:
    """One request. facts: short names -> values as text, `None` for a fact that is missing.

    context: the same as the engine takes it, None if some of it has no place there.
    """

    facts: Mapping[str, str | None]
    context: Context | None

    def to_json(self) -> dict[str, str | None]:
        """The facts."""
        return dict(self.facts)


def witness(space: Space, chosen: Mapping[int, int]) -> Witness:
    """The request that a solution describes."""
    facts: dict[str, str | None] = {}
    ctx: Context | None = Context(now=space.cell(NOW, chosen) or _SOME_TIME)
    for key, value in space.facts(chosen):
        if key[0] == "opaque":
            continue
        if key == ("action",):
            action = value if isinstance(value, str) else _narrowest(value)
            facts["action"] = terms.short(action)
            ctx = replace(ctx, action=action) if ctx else None
        elif key[0] == "party":
            name = value or (_SOMETHING if key[1] == "target" else _SOMEBODY)
            facts[str(key[1])] = name
            field = {"assignee": "recipient"}.get(str(key[1]), str(key[1]))
            ctx = replace(ctx, **_fact(field, name)) if ctx and getattr(ctx, field) is None else ctx
        else:
            facts[_label(key)] = _shown(key, value)
            ctx = _with(ctx, key, value) if ctx else None
    return Witness(facts, ctx)


def _narrowest(counts_as: frozenset[str]) -> str:
    """An asked action that counts as all of these; `use` where nothing is asked of it."""
    others = sorted(counts_as - {terms.USE})
    return others[-1] if others else terms.USE


def _label(key: tuple[Any, ...]) -> str:
    return {NOW: "now", ELAPSED: "sinceAgreement", MONTHS: "monthsSinceAgreement"}.get(key) or terms.short(
        str(key[0])
    )


def _shown(key: tuple[Any, ...], value: Any) -> str | None:
    if value is MISSING:
        return None
    if value is OTHER:
        return _other(str(key[0]))
    if isinstance(value, timedelta):
        return key_of(Duration(0, value))[1]
    if value is SEVERAL:
        return _SEVERAL
    if isinstance(value, frozenset):
        return "; ".join(sorted(f"{op} {', '.join(sorted(words))}" for op, words in value)) or "-"
    return str(value) if isinstance(value, str) else key_of(value)[1]


def _fact(name: str, value: Any) -> dict[str, Any]:
    return {name: value}


def _other(operand: str) -> str:
    return _SOMEBODY if operand == ODRL + "recipient" else _SOMETHING


def _with(ctx: Context, key: tuple[Any, ...], value: Any) -> Context | None:
    """The context with one more fact, None if it has no place for it."""
    if key == NOW:
        return ctx
    if key in (ELAPSED, MONTHS):
        if value is MISSING or ctx.agreed_at is not None:
            return ctx
        months = int(value) if key == MONTHS else 0
        agreed = later(ctx.now, -months, timedelta(0) if key == MONTHS else -value)
        return replace(ctx, agreed_at=agreed)
    iri = str(key[0])
    if value is MISSING:
        return ctx
    if value is SEVERAL:
        return None
    if iri in _FACT_OF:
        return replace(ctx, uses=int(value) - 1)
    if key[-1] == "name" and iri in ONE_NAME:
        fact, name = OPERANDS[iri].facts[0], _other(iri) if value is OTHER else value
        return replace(ctx, **_fact(fact, name)) if getattr(ctx, fact) in (None, name) else None
    if iri in FURTHER and key[-1] in _SHAPES:
        said = (
            Duration(0, value) if isinstance(value, timedelta) else _other(iri) if value is OTHER else value
        )
        return replace(ctx, world=replace(ctx.world, facts={**ctx.world.facts, iri: said}))
    return None
