"""Writes the ledger: a leaf in the transaction of whatever it tells of, heads signed in time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from connector.ledger.log import LeafKind, Ledger
from connector.model.ports import Clock, Signer
from connector.service.timers import Timers
from connector.store.tables import Tx

SEAL_EVERY_S: Final = 60.0
LOCAL: Final = "local"
"""The actor of what the factory itself does."""


class Journal:
    """The ledger of this connector, as the services use it."""

    def __init__(self, signer: Signer, clock: Clock, timers: Timers) -> None:
        self._ledger = Ledger(signer.did)
        self._signer = signer
        self._clock = clock
        self._timers = timers
        self._is_seal_set = False
        timers.on("seal", self._seal)

    @property
    def ledger(self) -> Ledger:
        """The log itself."""
        return self._ledger

    def write(
        self, tx: Tx, kind: LeafKind, subject: str, data: Mapping[str, Any], *, actor: str = LOCAL
    ) -> int:
        """Append one leaf within the open transaction."""
        if not self._is_seal_set:
            tx.after(self._arm)
        return self._ledger.append(tx, kind, actor, subject, data, self._clock.now())

    def head(self, tx: Tx) -> str:
        """Our latest signed tree head, for an agreement or a verification ("" if there is none yet)."""
        newest = tx.newest_ledger_head()
        return newest[1] if newest else self.seal(tx)

    def seal(self, tx: Tx) -> str:
        """Sign a head over every leaf written so far."""
        return self._ledger.seal(tx, self._signer, self._clock.now())

    def start(self, tx: Tx) -> None:
        """After a start: leaves that no head covers yet get one in time."""
        newest = tx.newest_ledger_head()
        if tx.ledger_size() > (newest[0] if newest else 0):
            self._arm()

    def _arm(self) -> None:
        if not self._is_seal_set:
            self._is_seal_set = True
            self._timers.wake_in(SEAL_EVERY_S, "seal", "")

    def _seal(self, tx: Tx, _ref: str) -> None:
        self._is_seal_set = False
        self.seal(tx)
