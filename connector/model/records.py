"""Rows that make the connector durable: outbox, inbox, timers, access tokens, uses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class OutboxItem:
    """A message on its way to a peer. It is sent with the same bytes until it is answered for good."""

    id: str
    """The message's @id."""
    kind: str
    """Who settles it: negotiation, transfer or withdrawal."""
    process_id: str
    """The process it moves, or the agreement for a withdrawal notice."""
    peer: str
    our_id: str
    url: str
    body: str
    leads_to: str
    """The state this message leads to; "" if it moves nothing here (already applied at commit)."""
    created_at: datetime
    not_before: datetime
    give_up_at: datetime
    attempts: int
    last_error: str

    def may_have_left(self, now: datetime) -> bool:
        """Whether the peer may have seen it: tried before, or not held back."""
        return self.attempts > 0 or self.not_before <= now


@dataclass(frozen=True, slots=True)
class InboxEntry:
    """A message that was accepted, and how it was answered."""

    peer: str
    message_id: str
    process_id: str
    body_digest: str
    """SHA-256 of the canonical body."""
    content_digest: str
    """The same without @id: recognises a repeat under a new id."""
    act: str
    led_to: str
    status: int
    answer: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Timer:
    """Something that falls due: (kind, ref) is unique."""

    kind: str
    ref: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A pull token, known only by its SHA-256; a refresh token the same."""

    digest: str
    transfer_id: str
    refresh_digest: str
    issued_at: datetime
    expires_at: datetime | None
    is_used: bool


@dataclass(frozen=True, slots=True)
class Use:
    """One use of an agreement: a delivery within one transfer, over any number of ranges."""

    transfer_id: str
    number: int
    agreement_id: str
    etag: str
    size: int
    coverage: str
    """The intervals already sent, as JSON [[first, after], …]."""
    bytes_sent: int
    is_complete: bool
    started_at: datetime
    updated_at: datetime
