"""The three operands that sovity's connectors send, bare or in EDC's namespace."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from connector.model.names import EDC
from connector.policy.context import Context
from connector.policy.operand import Operand, named
from connector.policy.operands.date_time import OPERAND as DATE_TIME
from connector.policy.operands.recipient import OPERAND as RECIPIENT
from connector.policy.outcome import Test
from connector.policy.texts import Text
from connector.policy.values import Value


def _listed(operator: str, values: tuple[Value, ...], open_level: int) -> Test:
    """`eq` means "one of these", and one text may name several, separated by commas."""
    names = frozenset(part.strip() for value in values for part in str(value).split(","))
    return named("recipient", operator, names, open_level, {})


def _not_listed(_operator: str, _values: tuple[Value, ...], _ctx: Context) -> str:
    return "recipient-not-listed"


def _both(name: str, model: Operand, title: Text) -> tuple[Operand, Operand]:
    bare = replace(model, iri=name, title=title)
    return bare, replace(bare, iri=EDC + name)


_REFERRING: Final = replace(RECIPIENT, build=_listed, false_code=_not_listed)

OPERANDS: Final = (
    *_both("POLICY_EVALUATION_TIME", DATE_TIME, Text(ko="평가 시각", en="time of evaluation")),
    *_both("REFERRING_CONNECTOR", _REFERRING, Text(ko="요청한 커넥터", en="referring connector")),
    *_both("sphinxDid", _REFERRING, Text(ko="요청한 쪽의 DID", en="requester's DID")),
)
