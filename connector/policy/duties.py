"""Duties: what has to be done, by when, and where that stands (ODRL Information Model 2.2 §2.6.3-2.6.7).

A duty's constraints by the clock with an upper bound are its deadline; its other constraints say
when it binds at all (ODRL Formal Semantics, C2). It is fulfilled by an event of the log that is
its action, refined as it says, by the party that it binds. Done too late, it counts only together
with all of its consequences, done after it was broken. A state that somebody keeps (a duty ledger)
stands before what the log tells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from connector.policy.context import Context
from connector.policy.outcome import FALSE, OPEN_TRUE, TRUE, UNKNOWN, Test
from connector.policy.values import Value
from connector.policy.world import Deontic, Event, World


class Standing(NamedTuple):
    """binds: whether the duty has to be done at all. state: None if nothing is known of it."""

    binds: bool
    state: Deontic | None


@dataclass(frozen=True, slots=True)
class CompiledDuty:
    """A duty ready to be asked.

    keys: its IRI and its JSON pointer. done: action, target and refinements, asked of an event.
    by: the party that it binds, asked of an event; None: whoever acts. binding: its constraints
    that are no deadline. deadlines: those that are. is_closed: what an event does not tell is not
    so (the reading of audits); else it is not held against it.
    """

    keys: tuple[str, ...]
    done: tuple[Test, ...]
    by: Test | None
    binding: tuple[Test, ...]
    deadlines: tuple[Test, ...]
    due: tuple[Due, ...]
    consequences: tuple[CompiledDuty, ...]
    is_closed: bool

    def due_at(self, agreed_at: datetime | None) -> datetime | None:
        """The last moment, None if there is none or it is not known yet."""
        return min((at for due in self.due if (at := due.at(agreed_at)) is not None), default=None)

    def standing(self, ctx: Context) -> Standing:
        """Where the duty stands at `ctx.now`. Never raises."""
        if any(test(ctx) == FALSE for test in self.binding):
            return Standing(False, Deontic.NOT_SET)
        kept = next((s for key in self.keys if (s := ctx.world.duties.get(key)) is not None), None)
        if kept is not None:
            return Standing(True, kept)
        events = ctx.world.events
        due = self.due_at(ctx.agreed_at)
        if events is None:
            return Standing(True, None if due is None or ctx.now > due else Deontic.PENDING)
        if self.is_done(ctx, _until(events, ctx.now)):
            return Standing(True, Deontic.FULFILLED)
        if due is None or ctx.now <= due:
            return Standing(True, Deontic.PENDING)
        made_up = self.is_made_up(ctx, due, _until(events, ctx.now))
        return Standing(True, Deontic.FULFILLED if made_up else Deontic.VIOLATED)

    def is_done(self, ctx: Context, events: Iterable[Event]) -> bool:
        """Whether one of the events performs the duty in time."""
        return self._is_performed(ctx, events, self.deadlines)

    def is_made_up(self, ctx: Context, broken_at: datetime, events: Iterable[Event]) -> bool:
        """Whether, after it was broken, the duty and every consequence were done (§2.6.5)."""
        later = [event for event in events if event.at > broken_at]
        if not self.consequences or not self._is_performed(ctx, later, ()):
            return False
        return all(
            one.is_done(ctx, later) or one.is_made_up(ctx, broken_at, later) for one in self.consequences
        )

    def _is_performed(self, ctx: Context, events: Iterable[Event], in_time: tuple[Test, ...]) -> bool:
        times = 0
        for event in events:
            asked = self._act(event, ctx, times)
            if asked is None:
                continue
            times += 1
            if self._is_as_agreed(asked, in_time):
                return True
        return False

    def _act(self, event: Event, ctx: Context, times: int) -> Context | None:
        """The facts of an event that is this duty's action by the one that it binds, else None."""
        if event.performs and event.performs not in self.keys:
            return None
        asked = event_context(event, ctx, times)
        if any(test(asked) < OPEN_TRUE for test in self.done):
            return None
        if self.by is not None:
            return asked if self.by(asked) >= OPEN_TRUE else None
        return asked if ctx.recipient is None or event.party == ctx.recipient else None

    def _is_as_agreed(self, asked: Context, in_time: tuple[Test, ...]) -> bool:
        if any(test(asked) != TRUE for test in in_time):
            return False
        worst = TRUE if self.is_closed else UNKNOWN
        return all(test(asked) >= worst for test in self.binding)


@dataclass(frozen=True, slots=True)
class Due:
    """One deadline: an instant, or a time after the agreement."""

    value: Value
    bound: Callable[[Value, datetime | None], datetime | None]

    def at(self, agreed_at: datetime | None) -> datetime | None:
        """The last moment; None while the agreement's time is not known."""
        return self.bound(self.value, agreed_at)


def event_context(event: Event, ctx: Context, uses: int | None = None) -> Context:
    """The facts of an event, as if it were the request; hierarchies and memberships are those of `ctx`.

    uses: how often the same was done before.
    """
    known = ctx.world
    world = World(facts=event.facts, about=event.about, member_of=known.member_of, broader=known.broader)
    return replace(
        ctx,
        now=event.at,
        action=event.action,
        target=event.target,
        recipient=event.party,
        uses=uses,
        deferred=frozenset(),
        world=world,
    )


def _until(events: tuple[Event, ...], now: datetime) -> list[Event]:
    return [event for event in events if event.at <= now]
