"""Policies over common axes: what one permits or prohibits, as a formula.

With `exact` a policy is read as the engine decides it: an unknown premise leaves a permission inactive
and a prohibition active; whatever has no axis (a duty, a profile, a comparison that we do not
understand) is a fact of its own that may turn out either way, the same one wherever the same words
stand. Without it, requests are complete, and what has no axis is simply unknown.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import timedelta
from typing import Any, Final

from connector.model.names import ODRL
from connector.policy.actions import ODRL_ACTIONS
from connector.policy.axes import (
    ELAPSED,
    FALSE,
    MONTHS,
    ORDERS,
    TRUE,
    UNKNOWN,
    Axis,
    Key,
    Place,
    axis_of,
    place,
)
from connector.policy.equality import key_of_part
from connector.policy.formula import MAX_NODES, Formula, Lit, Order, TooHard, conj, disj, negate, size
from connector.policy.tree import Atomic, Constraint, Logic, Policy, Rule, Unread

_PARTIES: Final = ("target", "assigner", "assignee")
_READ_RULE: Final = frozenset(
    {"kind", "action", "constraints", "duties", "unread", "not_understood", "pointer", "refinements"}
    | {"targets", "assigners", "assignees"}  # these also stand in `unread`, as they came
)
_READ_POLICY: Final = frozenset(
    {"id", "kind", "permissions", "prohibitions", "obligations", "not_understood", "profiles", "conflict"}
    | {"timestamp", "unread", "flags", *_PARTIES}
)
_PERM: Final = ODRL + "perm"
_DELAY: Final = ODRL + "delayPeriod"
_MAX_ACTIONS: Final = 6
MAX_COMPARISONS: Final = 400
"""Comparisons, with their values in hundreds, that one question may be about."""
MAX_RULES: Final = 60


class Space:
    """The axes that some policies share. Made for one question, not kept.

    Raises:
        TooHard: the policies are too large to be compared here.
    """

    def __init__(self, policies: Sequence[Policy], *, exact: bool, parties: bool = False) -> None:
        self.exact = exact
        self.parties = parties
        self.axes: list[Axis] = []
        self.orders: list[Order] = []
        self._index: dict[Key, int] = {}
        self._places: dict[Key, list[Place]] = {}
        self._vague: set[Key] = set()
        self._sums: list[timedelta] = []
        self.shared: frozenset[Hashable] = frozenset()
        """Duties that both sides name: whoever asks is taken to be ready for them."""
        rules = [rule for p in policies for rule in (*p.permissions, *p.prohibitions)]
        if is_large(rules):
            raise TooHard
        for rule in rules:
            for constraint in rule.constraints:
                self._gather(constraint)
        self._no_mixtures()
        self._actions = sorted({rule.action for rule in rules})
        for key, places in self._common_grid().items():
            try:
                self._add(axis_of(key, places, exact=exact))
            except ValueError:
                raise TooHard from None
        self._add(self._action_axis())
        if parties:
            for party in _PARTIES:
                names = sorted({n for p in policies if (n := getattr(p, party)) is not None})
                if names:
                    self._add(Axis(("party", party), (*names, None), _is_same))

    @property
    def full(self) -> list[int]:
        """Each axis's mask of all its cells."""
        return [axis.full for axis in self.axes]

    def negate(self, formula: Formula) -> Formula:
        """The opposite of a formula over these axes."""
        return negate(formula, self.full)

    def cell(self, key: Key, chosen: Mapping[int, int]) -> Any:
        """What a solution says about a fact; None if it does not matter."""
        index = self._index.get(key)
        if index is None or index not in chosen:
            return None
        return self.axes[index].cells[chosen[index].bit_length() - 1]

    def facts(self, chosen: Mapping[int, int]) -> Iterator[tuple[Key, Any]]:
        """Each fact of a solution with its value."""
        for index, bit in chosen.items():
            yield self.axes[index].key, self.axes[index].cells[bit.bit_length() - 1]

    # --- policies --------------------------------------------------------------------------------

    def permits(self, policy: Policy) -> Formula:
        """Some permission is active, no prohibition is, and nothing about the whole stands in the way."""
        return conj(
            [
                self.whole(policy),
                self.permissions(policy),
                self.negate(self.forbids(policy, UNKNOWN)),
            ]
        )

    def forbids(self, policy: Policy, at_least: int) -> Formula:
        """A prohibition is at least that active, and no permission is preferred to it."""
        against = self.prohibits(policy, at_least)
        if policy.conflict != _PERM:
            return against
        return conj([against, self.negate(self.permissions(policy, UNKNOWN if at_least == TRUE else TRUE))])

    def prohibits(self, policy: Policy, at_least: int) -> Formula:
        """Some prohibition is at least that active."""
        return disj(self.rule(rule, at_least) for rule in policy.prohibitions)

    def whole(self, policy: Policy, at_least: int = TRUE) -> Formula:
        """What the policy says beside its permissions and prohibitions, and the data and parties it names."""
        keys: list[Hashable] = [("profile", name) for name in policy.profiles]
        if any(entry.what == "conflict" for entry in policy.not_understood):
            keys.append(("conflict", policy.conflict))
        keys += _members(policy.unread) + _more(policy, _READ_POLICY)
        if self.exact:
            keys += [("obligation", key_of_part(rule)) for rule in policy.obligations]
        own = [self._opaque(key, at_least) for key in keys]
        if self.parties:
            for party in _PARTIES:
                name = getattr(policy, party)
                if name is not None:
                    own.append(self._lit(("party", party), Place((), "eq", at=name), at_least))
        return conj(own)

    def permissions(self, policy: Policy, at_least: int = TRUE) -> Formula:
        """Some permission is at least that active."""
        return disj(self.rule(rule, at_least) for rule in policy.permissions)

    def rule(self, rule: Rule, at_least: int, constraints: Sequence[Constraint] | None = None) -> Formula:
        """The rule is at least that active, with other constraints instead of its own if they are given."""
        keys: list[Hashable] = [("duty", key_of_part(duty)) for duty in rule.duties]
        keys += [("refined", key_of_part(one)) for one in rule.refinements]
        keys += [("member", u.name, u.text) for u in rule.unread]
        keys += _more(rule, _READ_RULE)
        parts = [self._opaque(key, at_least) for key in keys if key not in self.shared]
        parts.append(self._lit(("action",), Place((), "eq", at=rule.action), at_least))
        own = rule.constraints if constraints is None else constraints
        return conj(parts + [self.constraint(c, at_least) for c in own])

    def constraint(self, constraint: Constraint, at_least: int) -> Formula:
        """The constraint is at least that true."""
        if isinstance(constraint, Atomic):
            where = place(constraint, exact=self.exact)
            if where is None or where.key in self._vague:
                return self._opaque(key_of_part(constraint), at_least)
            return self._lit(where.key, where, at_least)
        if constraint.unread or constraint.not_understood is not None:
            return self._opaque(key_of_part(constraint), at_least)
        if constraint.logic == "xone":
            return self._exactly_one(constraint, at_least)
        parts = [self.constraint(part, at_least) for part in constraint.parts]
        if constraint.logic == "or":
            return disj(parts)
        return conj([*parts, *self._in_turn(constraint)])

    def _exactly_one(self, logic: Logic, at_least: int) -> Formula:
        sure = [self.constraint(part, TRUE) for part in logic.parts]
        maybe = [self.constraint(part, UNKNOWN) for part in logic.parts]
        if len(sure) * (sum(map(size, sure)) + sum(map(size, maybe))) > MAX_NODES:
            raise TooHard
        numbers = range(len(sure))
        if at_least == TRUE:
            return disj(conj([sure[i], *(self.negate(maybe[j]) for j in numbers if j != i)]) for i in numbers)
        never_two = [self.negate(conj([sure[i], sure[j]])) for i in numbers for j in numbers if i < j]
        return conj([*never_two, disj(maybe)])

    def _in_turn(self, logic: Logic) -> list[Formula]:
        """Delays one after the other: the time that goes by is at least their sum."""
        least = None if self.exact else _least_delay(logic)
        if least is None or ELAPSED not in self._index or ELAPSED in self._vague:
            return []
        return [self._lit(ELAPSED, Place(ELAPSED, "gteq", at=least), TRUE)]

    # --- axes ------------------------------------------------------------------------------------

    def _add(self, axis: Axis) -> int:
        self._index[axis.key] = len(self.axes)
        self.axes.append(axis)
        return self._index[axis.key]

    def _lit(self, key: Key, where: Place, at_least: int) -> Formula:
        index = self._index[key]
        return Lit(index, self.axes[index].mask(where, at_least))

    def _opaque(self, key: Hashable, at_least: int) -> Formula:
        """Something with a truth of its own; unknown where requests are complete."""
        if not self.exact:
            return at_least <= UNKNOWN
        name = ("opaque", key)
        index = self._index.get(name)
        if index is None:
            index = self._add(Axis(name, (FALSE, UNKNOWN, TRUE), lambda cell, _: int(cell)))
        return Lit(index, self.axes[index].mask(Place((), "eq"), at_least))

    def _gather(self, constraint: Constraint) -> None:
        if isinstance(constraint, Logic):
            for part in constraint.parts:
                self._gather(part)
            least = None if self.exact else _least_delay(constraint)
            if least is not None:
                self._sums.append(least)
            return
        where = place(constraint, exact=self.exact)
        if where is not None:
            self._places.setdefault(where.key, []).append(where)

    def _no_mixtures(self) -> None:
        """One operand compared with values of two kinds: how these relate is not known."""
        if self.exact:
            return
        kinds: dict[Hashable, set[Key]] = {}
        for key in self._places:
            kinds.setdefault(ELAPSED if key == MONTHS else key[0] if len(key) > 1 else key, set()).add(key)
        for keys in kinds.values():
            if len(keys) > 1:
                self._vague |= keys

    def _common_grid(self) -> Mapping[Key, list[Place]]:
        """The places per axis; axes that are ordered among each other are cut at the same ones."""
        found = dict(self._places)
        if self.exact:
            return found
        if ELAPSED in found:
            found[ELAPSED] = found[ELAPSED] + [Place(ELAPSED, "gteq", at=at) for at in self._sums]
        for small, large in ORDERS.items():
            low, high = (small, "duration"), ELAPSED if large.endswith("elapsedTime") else (large, "duration")
            if low in found and high in found:
                both = found[low] + found[high]
                found[low] = found[high] = both
                self.orders = [(list(found).index(low), list(found).index(high))]
        return found

    def _action_axis(self) -> Axis:
        names = self._actions
        if not self.exact:
            return Axis(("action",), tuple(names), lambda cell, p: _counts_as(cell, p.at))
        if len(names) > _MAX_ACTIONS:
            cells = [frozenset(b for b in names if _counts_as(a, b) == TRUE) for a in names]
        else:
            cells = list(_consistent(names))
        return Axis(("action",), tuple(cells) or (frozenset(),), lambda c, p: TRUE if p.at in c else FALSE)


def _least_delay(logic: Logic) -> timedelta | None:
    """The sum of delays that follow one another; None if it is anything else."""
    least = timedelta(0)
    for part in logic.parts:
        where = place(part, exact=False) if isinstance(part, Atomic) else None
        if where is None or where.key != (_DELAY, "duration") or where.operator not in ("eq", "gt", "gteq"):
            return None
        least += where.at
    return least if logic.logic == "andSequence" else None


def _consistent(names: Sequence[str]) -> Iterator[frozenset[str]]:
    """What an action may count as, all at once, as far as the hierarchy of actions lets it."""
    for number in range(1 << len(names)):
        chosen = frozenset(name for i, name in enumerate(names) if number >> i & 1)
        if all(b in chosen for a in chosen for b in names if _counts_as(a, b) == TRUE):
            yield chosen


def _counts_as(asked: str, named: str) -> int:
    """Whether a rule about `named` is about `asked`: by ODRL's hierarchy, else not known."""
    if named in ODRL_ACTIONS.above(asked):
        return TRUE
    known = ODRL_ACTIONS.included_in
    return FALSE if asked in known and named in known else UNKNOWN


def _is_same(cell: Any, where: Place) -> int:
    return TRUE if cell == where.at else FALSE


def _members(unread: Iterable[Unread]) -> list[Hashable]:
    return [("member", u.name, u.text) for u in unread if u.name not in _PARTIES]


def _more(value: Any, known: frozenset[str]) -> list[Hashable]:
    """Fields of the tree that this room does not read: their very form is compared."""
    found: list[Hashable] = []
    for field in fields(value):
        if field.compare and field.name not in known:
            said = getattr(value, field.name)
            if said not in ((), None, "", False):
                found.append((field.name, repr(said)))
    return found


def is_large(rules: Sequence[Rule]) -> bool:
    """Too much for a question that looks at every part several times."""
    if len(rules) > MAX_RULES:
        return True
    weight = 0
    for rule in rules:
        for constraint in rule.constraints:
            for atom in atoms(constraint):
                weight += 1 + len(atom.values) // 100
                if weight > MAX_COMPARISONS:
                    return True
    return False


def atoms(constraint: Constraint) -> Iterator[Atomic]:
    """The comparisons at the bottom."""
    if isinstance(constraint, Logic):
        for part in constraint.parts:
            yield from atoms(part)
    else:
        yield constraint
