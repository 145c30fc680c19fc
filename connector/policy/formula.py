"""Formulas over finite axes, and whether one can hold: the arithmetic of comparing policies.

An axis is one fact cut into the cells between which a policy makes no difference (`axes`). A literal
says in which cells of its axis it holds, as the bits of an integer; negation is the other bits. What
is left of a policy is `and` and `or` over literals, and "can it hold" is a search that gives up at a
stated number of steps instead of running away on a hostile policy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

MAX_STEPS: Final = 60_000
"""Literals that one search looks at before it gives up."""
MAX_BRANCHES: Final = 300
"""Choices within one another."""
MAX_NODES: Final = 20_000
"""Parts that one formula may grow to; `xone` grows with the square of its parts."""


class TooHard(Exception):
    """The question was not decided within its steps. It never leaves this room."""


@dataclass(frozen=True, slots=True)
class Lit:
    """True in those cells of one axis whose bit is set."""

    axis: int
    mask: int


@dataclass(frozen=True, slots=True)
class And:
    """All parts hold."""

    parts: tuple[Formula, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one part holds."""

    parts: tuple[Formula, ...]


Formula = bool | Lit | And | Or

Order = tuple[int, int]
"""Axes (x, y) cut at the same places, where x is never more than y."""


def conj(parts: Iterable[Formula]) -> Formula:
    """`and`, with literals of one axis merged."""
    masks: dict[int, int] = {}
    rest: list[Formula] = []
    for part in _flat(parts, And):
        if part is False:
            return False
        if isinstance(part, Lit):
            mask = masks.get(part.axis, part.mask) & part.mask
            if mask == 0:
                return False
            masks[part.axis] = mask
        elif part is not True:
            rest.append(part)
    found: list[Formula] = [Lit(axis, mask) for axis, mask in masks.items()] + rest
    if not found:
        return True
    return found[0] if len(found) == 1 else And(tuple(found))


def disj(parts: Iterable[Formula]) -> Formula:
    """`or`, with literals of one axis merged."""
    masks: dict[int, int] = {}
    rest: list[Formula] = []
    for part in _flat(parts, Or):
        if part is True:
            return True
        if isinstance(part, Lit):
            masks[part.axis] = masks.get(part.axis, 0) | part.mask
        elif part is not False:
            rest.append(part)
    found: list[Formula] = [Lit(axis, mask) for axis, mask in masks.items()] + rest
    if not found:
        return False
    return found[0] if len(found) == 1 else Or(tuple(found))


def _flat(parts: Iterable[Formula], kind: type[And | Or]) -> Iterator[Formula]:
    for part in parts:
        if isinstance(part, kind):
            yield from part.parts
        else:
            yield part


def negate(formula: Formula, full: Sequence[int]) -> Formula:
    """The opposite; `full` holds each axis's mask of all its cells."""
    if isinstance(formula, bool):
        return not formula
    if isinstance(formula, Lit):
        mask = full[formula.axis] & ~formula.mask
        return Lit(formula.axis, mask) if mask else False
    parts = [negate(part, full) for part in formula.parts]
    return disj(parts) if isinstance(formula, And) else conj(parts)


def size(formula: Formula) -> int:
    """How many parts it is made of."""
    if isinstance(formula, bool | Lit):
        return 1
    return 1 + sum(map(size, formula.parts))


def solve(formula: Formula, full: Sequence[int], orders: Sequence[Order] = ()) -> Mapping[int, int] | None:
    """One cell per axis, as its bit, such that the formula holds; None if there is no such choice.

    Raises:
        TooHard: not decided within `MAX_STEPS`.
    """
    if size(formula) > MAX_NODES:
        raise TooHard
    masks = _Search(orders).run(dict(enumerate(full)), [formula])
    if masks is None:
        return None
    above = {y for _, y in orders}
    return {
        axis: 1 << (mask.bit_length() - 1) if axis in above else mask & -mask for axis, mask in masks.items()
    }


class _Search:
    """One search with its steps. Branches over the shortest `or`, after what is certain is drawn in."""

    def __init__(self, orders: Sequence[Order]) -> None:
        self._orders = orders
        self._steps = 0

    def run(self, masks: dict[int, int], todo: list[Formula], depth: int = 0) -> dict[int, int] | None:
        self._steps += len(masks) // 16
        if depth > MAX_BRANCHES:
            raise TooHard
        clauses: list[Or] = []
        while todo:
            part = todo.pop()
            if not self._assert(part, masks, clauses, todo):
                return None
            if not todo:
                kept: list[Or] = []
                for clause in clauses:
                    alive = [one for one in clause.parts if self._can(one, masks)]
                    if not alive:
                        return None
                    if len(alive) == 1:
                        todo.append(alive[0])
                    elif not any(isinstance(one, Lit) and _holds(one, masks) for one in alive):
                        kept.append(Or(tuple(alive)))
                clauses = kept
        if not all(self._ordered(masks, order) for order in self._orders):
            return None
        if not clauses:
            return masks
        shortest = min(clauses, key=lambda clause: len(clause.parts))
        rest: list[Formula] = [clause for clause in clauses if clause is not shortest]
        for one in shortest.parts:
            found = self.run(dict(masks), [*rest, one], depth + 1)
            if found is not None:
                return found
        return None

    def _assert(self, part: Formula, masks: dict[int, int], clauses: list[Or], todo: list[Formula]) -> bool:
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise TooHard
        if isinstance(part, bool):
            return part
        if isinstance(part, Lit):
            masks[part.axis] &= part.mask
            return masks[part.axis] != 0
        if isinstance(part, And):
            todo.extend(part.parts)
        else:
            clauses.append(part)
        return True

    def _can(self, part: Formula, masks: Mapping[int, int]) -> bool:
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise TooHard
        if isinstance(part, Lit):
            return masks[part.axis] & part.mask != 0
        if isinstance(part, And):
            return all(self._can(one, masks) for one in part.parts if isinstance(one, Lit))
        return part is not False

    @staticmethod
    def _ordered(masks: Mapping[int, int], order: Order) -> bool:
        low, high = masks[order[0]], masks[order[1]]
        return (low & -low).bit_length() <= high.bit_length()


def _holds(part: Lit, masks: Mapping[int, int]) -> bool:
    return masks[part.axis] & ~part.mask == 0
