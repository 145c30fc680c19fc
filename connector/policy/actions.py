"""How actions relate: `includedIn` and `implies` (ODRL Information Model 2.2 §2.5, Vocabulary 2.2 §4.3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from connector.model.names import ODRL


def _words(text: str) -> list[str]:
    return text.split()


# Every action of ODRL's own vocabularies that is not named here is included in `use`; `transfer`
# stands beside `use`, not under it.
_UNDER: Final = {
    "display": "play",
    "extract": "reproduce",
    "extractChar": "extract",
    "extractPage": "extract",
    "extractWord": "extract",
    "give": "transfer",
    "sell": "transfer",
    "copy": "reproduce",
    "export": "transform",
    "append": "modify",
    "appendTo": "modify",
    "write": "modify",
    "writeTo": "modify",
    "pay": "compensate",
    "preview": "display",
    "license": "grantUse",
}
_UNDER_USE: Final = _words("""
    acceptTracking adHocShare aggregate annotate anonymize archive attachPolicy attachSource attribute
    commercialize compensate concurrentUse delete derive digitize distribute ensureExclusivity execute
    grantUse include index inform install lease lend modify move nextPolicy obtainConsent play present
    print read reproduce reviewPolicy secondaryUse share stream synchronize textToSpeech transform
    translate uninstall watermark
""")
_CC: Final = "http://creativecommons.org/ns#"
_CC_ACTIONS: Final = _words("""
    Attribution CommericalUse CommercialUse DerivativeWorks Distribution Notice Reproduction ShareAlike
    Sharing SourceCode
""")


@dataclass(frozen=True, slots=True)
class Actions:
    """A hierarchy of actions. `included_in` and `implies` map an action to those one step away."""

    included_in: Mapping[str, frozenset[str]]
    implies: Mapping[str, frozenset[str]]
    known: frozenset[str] = field(init=False, repr=False, compare=False)
    """Every action that the hierarchy says something about."""
    _covered: dict[tuple[str, bool], frozenset[str]] = field(init=False, repr=False, compare=False)
    """What was worked out already: most policies are about a few actions."""

    def __post_init__(self) -> None:
        known = frozenset(self.included_in).union(*self.included_in.values(), self.implies)
        object.__setattr__(self, "known", known)
        object.__setattr__(self, "_covered", {})

    def above(self, action: str) -> frozenset[str]:
        """The action itself and all that it is included in. A circle is no trouble."""
        return _closure({action}, self.included_in)

    def demanded(self, action: str) -> frozenset[str]:
        """What has to be unprohibited for the action to be done: it, what it implies, and all above these."""
        found = self.above(action)
        while True:
            more = found.union(*(self.implies.get(one, frozenset()) for one in found))
            more = _closure(more, self.included_in)
            if more == found:
                return found
            found = more

    def covered_by_permission(self, action: str) -> frozenset[str]:
        """The actions that a permission of this one permits."""
        return self._cover(action, prohibits=False)

    def covered_by_prohibition(self, action: str) -> frozenset[str]:
        """The actions that a prohibition of this one prohibits."""
        return self._cover(action, prohibits=True)

    def _cover(self, action: str, *, prohibits: bool) -> frozenset[str]:
        key = action, prohibits
        found = self._covered.get(key)
        if found is None:
            reach = self.demanded if prohibits else self.above
            found = frozenset(one for one in self.known | {action} if action in reach(one))
            if action in self.known:  # a name of the outside takes no room here
                self._covered[key] = found
        return found

    def extended(self, included_in: Iterable[tuple[str, str]], implies: Iterable[tuple[str, str]]) -> Actions:
        """This hierarchy with what a policy declares about its own actions."""
        return Actions(_with(self.included_in, included_in), _with(self.implies, implies))


def _closure(start: Iterable[str], step: Mapping[str, frozenset[str]]) -> frozenset[str]:
    found, left = set(start), list(start)
    while left:
        for one in step.get(left.pop(), ()):
            if one not in found:
                found.add(one)
                left.append(one)
    return frozenset(found)


def _with(
    table: Mapping[str, frozenset[str]], pairs: Iterable[tuple[str, str]]
) -> Mapping[str, frozenset[str]]:
    out = dict(table)
    for one, other in pairs:
        out[one] = out.get(one, frozenset()) | {other}
    return MappingProxyType(out)


def _odrl() -> Actions:
    included = {ODRL + name: frozenset({ODRL + "use"}) for name in _UNDER_USE}
    included |= {_CC + name: frozenset({ODRL + "use"}) for name in _CC_ACTIONS}
    included |= {ODRL + name: frozenset({ODRL + above}) for name, above in _UNDER.items()}
    included |= {ODRL + "use": frozenset(), ODRL + "transfer": frozenset()}
    return Actions(MappingProxyType(included), MappingProxyType({}))


ODRL_ACTIONS: Final = _odrl()
"""ODRL's core and common vocabulary, its deprecated words, and Creative Commons' actions."""
