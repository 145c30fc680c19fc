"""Every error that crosses a room, in one tree.

    ConnectorError                    500  internal
    ├── BadInput                      400  bad-input
    │   ├── MalformedBody             400  malformed-body
    │   ├── InvalidMessage            400  invalid-message
    │   ├── IllegalTransition         400  illegal-transition
    │   ├── OfferExpired              400  offer-expired
    │   ├── PolicyInvalid             400  policy-invalid
    │   ├── PolicyDiffers             400  policy-differs
    │   ├── PolicyDenied              400  policy-denied
    │   ├── TokenInvalid              400  token-invalid
    │   ├── DescriptionInvalid        400  description-invalid
    │   └── SourceInvalid             400  source-invalid
    ├── Unauthenticated               401  unauthenticated
    ├── UseDenied                     403  (code of the decision)
    ├── NotFound                      404  not-found
    ├── Conflict                      409  conflict
    │   └── SourceChanged             409  source-changed
    ├── Gone                          410  (withdrawn, expired, terminated)
    ├── TooLarge                      413  too-large
    ├── Suspended                     423  suspended
    ├── TooMany                       429  too-many
    ├── PeerFailed                    502  peer-failed
    │   └── EgressRefused             502  egress-refused
    └── Unavailable                   503  unavailable

A raiser says what is wrong in one sentence, points at it (`pointer`, a JSON
pointer or a field name) and may say what would mend it (`hint`). Each wire
renders these in one place: `web.middleware` for DSP, DCP and management, and
`cli` for people. Anything that is not a ConnectorError becomes a 500 with an
incident id and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class ConnectorError(Exception):
    """Something went wrong that has a name."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500

    def __init__(
        self,
        message: str,
        *,
        pointer: str = "",
        hint: str = "",
        code: str = "",
        extra: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.pointer = pointer
        self.hint = hint
        self.reason_code = code or type(self).code
        self.extra = dict(extra or {})
        """Members that go into the wire form beside code and reason."""

    def __str__(self) -> str:
        return f"{self.pointer}: {self.message}" if self.pointer else self.message


class BadInput(ConnectorError):
    """What came from outside cannot be accepted; nothing was changed."""

    code = "bad-input"
    status = 400


class MalformedBody(BadInput):
    """The body is not the JSON (or other format) it has to be."""

    code = "malformed-body"


class InvalidMessage(BadInput):
    """A well-formed body that is not a valid message: a field is missing or wrong."""

    code = "invalid-message"


class IllegalTransition(BadInput):
    """The message is not allowed in the state that the process is in."""

    code = "illegal-transition"


class OfferExpired(BadInput):
    """The offer id is outdated: fetch the catalog again."""

    code = "offer-expired"


class PolicyInvalid(BadInput):
    """The policy cannot be read."""

    code = "policy-invalid"


class PolicyDiffers(BadInput):
    """The policy is not equal in meaning to the one that was agreed on."""

    code = "policy-differs"


class PolicyDenied(BadInput):
    """A policy does not allow this step."""

    code = "policy-denied"


class TokenInvalid(BadInput):
    """A signed contract token does not say or prove what it has to."""

    code = "token-invalid"


class DescriptionInvalid(BadInput):
    """A self-description does not conform to its shapes."""

    code = "description-invalid"


class SourceInvalid(BadInput):
    """A source cannot be published or read as it is."""

    code = "source-invalid"


class Unauthenticated(ConnectorError):
    """Who is asking could not be established."""

    code = "unauthenticated"
    status = 401


class UseDenied(ConnectorError):
    """The contract does not allow this use of the data, now."""

    code = "use-denied"
    status = 403


class NotFound(ConnectorError):
    """There is no such thing, or not for this caller."""

    code = "not-found"
    status = 404


class Conflict(ConnectorError):
    """Another thing stands in the way (never sent on DSP)."""

    code = "conflict"
    status = 409


class SourceChanged(Conflict):
    """The source is no longer what the contract names."""

    code = "source-changed"


class Gone(ConnectorError):
    """The right to this has ended: withdrawn, expired or terminated."""

    code = "gone"
    status = 410


class TooLarge(ConnectorError):
    """The body is over its limit."""

    code = "too-large"
    status = 413


class Suspended(ConnectorError):
    """The transfer is suspended."""

    code = "suspended"
    status = 423


class TooMany(ConnectorError):
    """A limit per peer or network is reached; `retry_after_s` says when to come back."""

    code = "too-many"
    status = 429

    def __init__(self, message: str, *, retry_after_s: int = 60, pointer: str = "") -> None:
        super().__init__(message, pointer=pointer)
        self.retry_after_s = retry_after_s


class PeerFailed(ConnectorError):
    """Another connector could not be reached or answered with a refusal."""

    code = "peer-failed"
    status = 502


class EgressRefused(PeerFailed):
    """Our own guard refused an outbound request."""

    code = "egress-refused"


class Unavailable(ConnectorError):
    """We cannot do this now (disk full, stopping); nothing was acknowledged."""

    code = "unavailable"
    status = 503
