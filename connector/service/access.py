"""Who may have which bytes, now: access tokens, the policy at each request, and the count of uses.

A token is opaque and looked up at each request, so its validity follows the
transfer, the contract and the policy [D12]. A use is committed before its first
byte leaves [D14]; a change that ends the right cuts the running streams at its
commit [D15].
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from connector.dataplane.line import Stopper
from connector.dataplane.ranges import Span
from connector.errors import (
    ConnectorError,
    Gone,
    NotFound,
    SourceChanged,
    Suspended,
    Unauthenticated,
    UseDenied,
)
from connector.failpoints import failpoint
from connector.ledger.log import LeafKind
from connector.model.catalog import Asset
from connector.model.contract import Agreement
from connector.model.names import MMD, WITHDRAWAL_TOKEN
from connector.model.ports import Clock, RandomBytes
from connector.model.process import Transfer, TransferState
from connector.model.records import AccessToken
from connector.model.times import parse_iso
from connector.policy import Context, Decision, Scope
from connector.protocol import messages
from connector.service import uses as uses_of
from connector.service.journal import Journal
from connector.service.reading import read
from connector.store.api import Store
from connector.store.tables import Tx

_TX_AUTH: Final = "https://w3id.org/tractusx/auth/"


@dataclass(frozen=True, slots=True)
class Pass:
    """A token that was recognised: the transfer and contract behind it, and the data they name."""

    token: AccessToken
    transfer: Transfer
    agreement: Agreement
    asset: Asset


@dataclass(frozen=True, slots=True)
class Grant:
    """A range that may be sent, with its use already committed."""

    passed: Pass
    use: int
    span: Span
    leaf: int
    allowed_until: datetime | None


class Access:
    """The provider's side of every pull."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        random: RandomBytes,
        journal: Journal,
        *,
        public_url: str,
        token_life: timedelta,
    ) -> None:
        self._store = store
        self._clock = clock
        self._random = random
        self._journal = journal
        self._public_url = public_url
        self._token_life = token_life
        self._stoppers: dict[str, Stopper] = {}
        self._life = random(8).hex()

    # --- tokens -------------------------------------------------------------------------------

    def issue(self, tx: Tx, transfer: Transfer, agreement: Agreement) -> dict[str, Any]:
        """A new token for a transfer, as the data address of its start message."""
        now = self._clock.now()
        access, refresh, expires_at = self._new(tx, transfer, agreement, now)
        extra = {MMD + "sha256": agreement.dataset_sha256} if agreement.dataset_sha256 else {}
        if refresh and expires_at:
            extra |= self._refresh_members(refresh, expires_at, now)
        tx.after(lambda: self._forget(transfer.id))
        return messages.data_address(f"{self._public_url}/data", access, extra)

    def _refresh_members(self, refresh: str, expires_at: datetime, now: datetime) -> dict[str, str]:
        return {
            _TX_AUTH + "refreshToken": refresh,
            _TX_AUTH + "expiresIn": str(int((expires_at - now).total_seconds())),
            _TX_AUTH + "refreshEndpoint": f"{self._public_url}/data",
            _TX_AUTH + "refreshAudience": f"{self._public_url}/data",
        }

    def _new(
        self, tx: Tx, transfer: Transfer, agreement: Agreement, now: datetime
    ) -> tuple[str, str, datetime | None]:
        access, refresh = self._secret(), self._secret() if transfer.wants_refresh else ""
        ends = [agreement.ends_at] if agreement.ends_at else []
        if refresh:
            ends.append(now + self._token_life)
        expires_at = min(ends, default=None)
        tx.tokens.add(
            AccessToken(
                digest=_digest(access),
                transfer_id=transfer.id,
                refresh_digest=_digest(refresh) if refresh else "",
                issued_at=now,
                expires_at=expires_at,
                is_used=False,
            )
        )
        return access, refresh, expires_at

    def _secret(self) -> str:
        return base64.urlsafe_b64encode(self._random(32)).rstrip(b"=").decode("ascii")

    async def refresh(self, participant: str, refresh_token: str) -> dict[str, Any]:
        """Exchange a refresh token; the old access token holds until the new one is used.

        Raises:
            Unauthenticated: no such refresh token, or another participant's.
            Gone, Suspended: the transfer or the contract has ended.
        """

        def work(tx: Tx) -> dict[str, Any]:
            old = tx.tokens.by_refresh(_digest(refresh_token))
            passed = self._behind(tx, old) if old is not None else None
            if passed is None or passed.transfer.peer != participant:
                raise Unauthenticated("no such refresh token", pointer="refresh_token")
            self._check_alive(passed)
            now = self._clock.now()
            access, refresh, expires_at = self._new(tx, passed.transfer, passed.agreement, now)
            seconds = int((expires_at - now).total_seconds()) if expires_at else 0
            return {
                "access_token": access,
                "token_type": "bearer",
                "expires_in": seconds,
                "refresh_token": refresh,
            }

        return await self._store.transact(work)

    # --- requests -----------------------------------------------------------------------------

    async def recognise(self, authorization: str | None) -> Pass:
        """The transfer behind a pull's Authorization header (`Bearer` or raw).

        Raises:
            Unauthenticated: no token, or one that is unknown or over.
            Gone, Suspended: the transfer or contract has ended or pauses.
        """
        if not authorization:
            raise Unauthenticated("an access token is needed", pointer="Authorization")
        scheme, _, secret = authorization.strip().partition(" ")
        # The scheme in any case (RFC 9110 §11.1), or the bare token, as a stock EDC sends it.
        secret = secret.strip() if scheme.lower() == "bearer" else authorization.strip()
        now = self._clock.now()

        def work(tx: Tx) -> Pass:
            token = tx.tokens.get(_digest(secret))
            passed = self._behind(tx, token) if token is not None else None
            if token is None or passed is None:
                raise Unauthenticated("the access token is not known", pointer="Authorization")
            self._check_alive(passed)
            if token.expires_at is not None and token.expires_at <= now:
                raise Unauthenticated("the access token is over", pointer="Authorization", code="token-over")
            return passed

        return await self._store.read(work)

    def _behind(self, tx: Tx, token: AccessToken) -> Pass | None:
        transfer = tx.transfers.get(token.transfer_id)
        agreement = tx.agreements.get(transfer.agreement_id) if transfer else None
        if transfer is None or agreement is None:
            return None
        asset = tx.assets.version(agreement.dataset_id, agreement.dataset_version)
        asset = asset or tx.assets.current(agreement.dataset_id)
        if asset is None:
            raise NotFound("the dataset is not here any more")
        return Pass(token, transfer, agreement, asset)

    def _check_alive(self, passed: Pass) -> None:
        agreement, transfer = passed.agreement, passed.transfer
        if agreement.withdrawn_at is not None:
            raise withdrawn(agreement)
        if agreement.ends_at is not None and agreement.ends_at <= self._clock.now():
            raise Gone("the contract has ended", code="time-over")
        if transfer.state is TransferState.SUSPENDED:
            raise Suspended(transfer.reason or "the transfer is suspended")
        if transfer.is_over:
            raise Gone(transfer.reason or "the transfer is over", code="terminated")
        started = transfer.state is TransferState.STARTED or transfer.pending is TransferState.STARTED
        if not started:
            raise Gone("the transfer is not started", code="terminated")
        # Deleted and published anew, versions count from 1 again: only the digest tells the two apart.
        if agreement.dataset_sha256 and passed.asset.sha256 != agreement.dataset_sha256:
            raise SourceChanged("the dataset is not the one that the contract names any more")

    async def grant(self, passed: Pass, span: Span, etag: str, size: int) -> Grant:
        """Decide about sending a range, count the use, and write the leaf: all before the first byte.

        Raises:
            UseDenied: the policy does not allow it, with the decision's code and reasons.
            Gone, Suspended: meanwhile the right has ended.
        """
        found = await self._store.transact(lambda tx: self._grant(tx, passed, span, etag, size))
        if isinstance(found, ConnectorError):
            raise found
        failpoint("grant:after-commit")
        return found

    def _grant(self, tx: Tx, passed: Pass, span: Span, etag: str, size: int) -> Grant | ConnectorError:
        current = self._behind(tx, passed.token)
        if current is None:
            raise Unauthenticated("the access token is not known", pointer="Authorization")
        self._check_alive(current)
        transfer, agreement = current.transfer, current.agreement
        running = tx.uses.newest_of_transfer(transfer.id)
        running = uses_of.recovered(running, self._life) if running is not None else None
        belongs = running is not None and uses_of.belongs(running, span, etag, size)
        uses = tx.uses.count_of_agreement(agreement.id)
        decision = self.decide(agreement, transfer.purpose, uses - 1 if belongs else uses, Scope.PULL)
        if not decision.permitted:
            self.record_denial(tx, agreement, transfer.id, decision, Scope.PULL)
            return denied(decision)
        now = self._clock.now()
        number = running.number if running is not None else 0
        if not belongs:
            number += 1
            running = uses_of.begun(transfer.id, number, agreement.id, etag, size, now)
        assert running is not None  # for the type checker
        if not current.token.is_used:
            tx.tokens.mark_used(current.token)
        leaf = self._journal.write(
            tx,
            LeafKind.GRANT,
            agreement.id,
            {"transfer": transfer.id, "use": number, "from": span.start, "to": span.stop, "sha256": etag},
            actor=transfer.peer,
        )
        # Granted bytes count in full until `settle` says how many really left.
        tx.uses.add(uses_of.reserved(running, span, self._life, leaf, now))
        failpoint("grant:before-commit")
        until = [t for t in (decision.valid_until, agreement.ends_at) if t is not None]
        return Grant(current, number, span, leaf, min(until, default=None))

    async def check(self, passed: Pass) -> None:
        """Ask the policy about an answer that brings no byte and so is no use.

        Raises:
            UseDenied, Gone, Suspended: as `grant`.
        """

        def work(tx: Tx) -> ConnectorError | None:
            agreement, purpose = passed.agreement, passed.transfer.purpose
            decision = self.decide(agreement, purpose, tx.uses.count_of_agreement(agreement.id), Scope.PULL)
            if decision.permitted:
                return None
            self.record_denial(tx, agreement, passed.transfer.id, decision, Scope.PULL)
            return denied(decision)

        refusal = await self._store.transact(work)
        if refusal is not None:
            raise refusal

    def decide(self, agreement: Agreement, purpose: str, uses: int | None, scope: Scope) -> Decision:
        """What a contract's policy says about a use by its consumer, now."""
        context = Context(
            now=self._clock.now(),
            scope=scope,
            target=agreement.dataset_id,
            recipient=agreement.consumer,
            assigner=agreement.provider,
            agreed_at=agreed_at(agreement),
            purpose=purpose or None,
            uses=uses,
        )
        return read(agreement.policy).compiled.evaluate(context)

    def record_denial(
        self, tx: Tx, agreement: Agreement, subject: str, decision: Decision, scope: Scope
    ) -> None:
        """A refusal is a leaf as well."""
        self._journal.write(
            tx,
            LeafKind.DECISION,
            agreement.id,
            {"scope": scope.value, "code": decision.code, "rule": decision.rule, "for": subject},
            actor=agreement.consumer,
        )

    async def settle(self, grant: Grant, sent: Span, outcome: str) -> None:
        """Write what really left: the leaf, and the use's coverage."""

        def work(tx: Tx) -> None:
            use = tx.uses.newest_of_transfer(grant.passed.transfer.id)
            if use is not None and use.number == grant.use:
                tx.uses.add(uses_of.settled(use, grant.span, sent, grant.leaf, self._clock.now()))
            self._journal.write(
                tx,
                LeafKind.DELIVERED,
                grant.passed.agreement.id,
                {
                    "transfer": grant.passed.transfer.id,
                    "use": grant.use,
                    "grant": grant.leaf,
                    "bytes": sent.length,
                    "outcome": outcome,
                },
            )

        await self._store.transact(work)

    # --- stopping -----------------------------------------------------------------------------

    def stopper(self, transfer_id: str) -> Stopper:
        """What cuts the streams of a transfer."""
        return self._stoppers.setdefault(transfer_id, Stopper())

    def stop(self, tx: Tx, transfer_id: str) -> None:
        """Cut the streams of a transfer at the commit."""
        tx.after(lambda: self._cut(transfer_id))

    def _cut(self, transfer_id: str) -> None:
        stopper = self._stoppers.pop(transfer_id, None)
        if stopper is not None:
            stopper.stop()

    def _forget(self, transfer_id: str) -> None:
        self._stoppers.pop(transfer_id, None)

    def stop_all(self) -> None:
        """Cut everything: the connector is stopping."""
        for transfer_id in list(self._stoppers):
            self._cut(transfer_id)


def agreed_at(agreement: Agreement) -> datetime:
    """The moment a contract counts from: its timestamp, else when it was signed here."""
    stamp = agreement.policy.get("timestamp")
    try:
        return parse_iso(stamp) if isinstance(stamp, str) else agreement.signed_at
    except ValueError:
        return agreement.signed_at


def denied(decision: Decision) -> ConnectorError:
    """A refusal by the policy, with its reasons in both languages."""
    return UseDenied(decision.text("en"), code=decision.code, extra=decision.to_json())


def withdrawn(agreement: Agreement) -> Gone:
    """A refusal because the contract was withdrawn; it carries the signed withdrawal [D9]."""
    extra: Mapping[str, object] = (
        {WITHDRAWAL_TOKEN: agreement.withdrawal_token} if agreement.withdrawal_token else {}
    )
    who = "provider" if agreement.withdrawn_by == agreement.provider else "consumer"
    return Gone(f"the contract was withdrawn by the {who}", code="withdrawn", extra=extra)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
