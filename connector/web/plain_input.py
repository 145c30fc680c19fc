"""The members of a plain JSON body, checked one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.errors import InvalidMessage
from connector.model.catalog import ApprovalMode
from connector.web.edc_input import items as items_of
from connector.web.edc_input import mapping as mapping_of
from connector.web.edc_input import text as text_of


def text(body: Mapping[str, Any], name: str, *, needed: bool = True, limit: int = 4096) -> str:
    """A text member (`edc_input.text`)."""
    return text_of(body, name, needed=needed, limit=limit, base="")


def mapping(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    """An object member (`edc_input.mapping`)."""
    return mapping_of(body, name, base="")


def texts(body: Mapping[str, Any], name: str) -> list[str]:
    """A list of texts, or one text with commas; [] if it is missing.

    Raises:
        InvalidMessage: something else.
    """
    found = items_of(body, name)
    if not all(isinstance(one, str) for one in found):
        raise InvalidMessage("must be a list of texts", pointer=name)
    return [part.strip() for one in found for part in one.split(",") if part.strip()]


def params(body: Mapping[str, Any]) -> dict[str, str]:
    """The parameters of templates: texts, or numbers.

    Raises:
        InvalidMessage: something else.
    """
    found = mapping(body, "params")
    for name, value in found.items():
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise InvalidMessage("must be text", pointer=f"params/{name:.80}")
    return {name: str(value) for name, value in found.items()}


def absolute(body: Mapping[str, Any], name: str) -> str:
    """An absolute path on the connector's own machine.

    Raises:
        InvalidMessage: no such path.
    """
    path = text(body, name)
    if not path.startswith("/"):
        raise InvalidMessage("must be an absolute path", pointer=name)
    return path


def number(body: Mapping[str, Any], name: str) -> int:
    """A whole number that is not negative; 0 if it is missing.

    Raises:
        InvalidMessage: something else.
    """
    value = body.get(name)
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 31:
        raise InvalidMessage("must be a whole number that is not negative", pointer=name)
    return value


def approval(body: Mapping[str, Any], default: str) -> ApprovalMode:
    """Who decides about requests.

    Raises:
        InvalidMessage: neither `automatic` nor `manual`.
    """
    try:
        return ApprovalMode(text(body, "approval", needed=False) or default)
    except ValueError:
        raise InvalidMessage("must be automatic or manual", pointer="approval") from None


def whole(value: str | None, name: str) -> int:
    """A whole number in a query; 0 if it is missing.

    Raises:
        InvalidMessage: something else.
    """
    if value is None:
        return 0
    if not value.isascii() or not value.isdecimal() or len(value) > 9:
        raise InvalidMessage("must be a whole number", pointer=name)
    return int(value)
