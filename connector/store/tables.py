"""The verbs that services use, one class for each aggregate, over any engine's `Executor`.

No verb commits. `save` is compare-and-set on `version`: it raises Conflict if
somebody else changed the row since it was read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

from connector.errors import Conflict
from connector.model.catalog import Asset, CatalogOffer, ContractDefinition, PolicyDefinition, Tombstone
from connector.model.contract import Agreement
from connector.model.process import Negotiation, Role, Transfer
from connector.model.records import AccessToken, InboxEntry, OutboxItem, Timer, Use
from connector.model.times import iso, parse_iso
from connector.store.api import Executor
from connector.store.rows import RowType
from connector.store.search import SearchIndex

T = TypeVar("T")
V = TypeVar("V", Negotiation, Transfer, Agreement)

_NEGOTIATION: Final = RowType(Negotiation)
_TRANSFER: Final = RowType(Transfer)
_AGREEMENT: Final = RowType(Agreement)
_ASSET: Final = RowType(Asset)
_POLICY: Final = RowType(PolicyDefinition)
_DEFINITION: Final = RowType(ContractDefinition)
_OFFER: Final = RowType(CatalogOffer)
_TOMBSTONE: Final = RowType(Tombstone)
_OUTBOX: Final = RowType(OutboxItem)
_INBOX: Final = RowType(InboxEntry)
_TIMER: Final = RowType(Timer)
_TOKEN: Final = RowType(AccessToken)
_USE: Final = RowType(Use)


class _Rows(Generic[T]):
    def __init__(self, db: Executor, aggregate: str, row_type: RowType[T]) -> None:
        self._db = db
        self._aggregate = aggregate
        self._type = row_type

    def add(self, value: T) -> None:
        """Insert a row."""
        self._db.change(self._aggregate, "add", self._type.encode(value))

    def get(self, key: str) -> T | None:
        """The row with this key."""
        return self._one("get", key=key)

    def _one(self, name: str, **params: Any) -> T | None:
        rows = self._db.rows(self._aggregate, name, params)
        return self._type.decode(rows[0]) if rows else None

    def _all(self, name: str, **params: Any) -> list[T]:
        return [self._type.decode(row) for row in self._db.rows(self._aggregate, name, params)]

    def _number(self, name: str, **params: Any) -> int:
        return int(self._db.rows(self._aggregate, name, params)[0][0])

    def _run(self, name: str, **params: Any) -> int:
        return self._db.change(self._aggregate, name, params)


class _Versioned(_Rows[V]):
    def save(self, value: V) -> V:
        """Write a changed row back; returns it with its new version.

        Raises:
            Conflict: the row was changed by somebody else meanwhile.
        """
        if self._db.change(self._aggregate, "save", self._type.encode(value)) != 1:
            raise Conflict(f"{value.id} was changed meanwhile")
        return replace(value, version=value.version + 1)

    def everything(self) -> list[V]:
        """All rows, oldest first."""
        return self._all("everything")


class Negotiations(_Versioned[Negotiation]):
    """Negotiations, both roles."""

    def by_peer_pid(self, peer: str, peer_pid: str, role: Role) -> Negotiation | None:
        """The one that a peer knows under its own pid."""
        return self._one("by_peer_pid", peer=peer, peer_pid=peer_pid, role=role)

    def page(
        self,
        *,
        limit: int = 50,
        offset: int = 0,
        role: str | None = None,
        state: str | None = None,
        approval: str | None = None,
        peer: str | None = None,
    ) -> list[Negotiation]:
        """Newest first."""
        return self._all(
            "page", limit=limit, offset=offset, role=role, state=state, approval=approval, peer=peer
        )

    def open_count(self, peer: str) -> int:
        """How many negotiations with a peer are not over."""
        return self._number("open_count", peer=peer)

    def open_for_asset(self, dataset_id: str) -> int:
        """How many open negotiations are about a dataset of ours."""
        return self._number("open_for_asset", dataset_id=dataset_id)

    def counts(self) -> list[tuple[str, str, int]]:
        """(role, state, how many); INITIAL where nothing was acknowledged yet."""
        return [(row[0], row[1], row[2]) for row in self._db.rows("negotiation", "counts", {})]

    def delete(self, negotiation_id: str) -> int:
        """Forget one."""
        return self._run("delete", id=negotiation_id)


class Transfers(_Versioned[Transfer]):
    """Transfers, both roles."""

    def by_peer_pid(self, peer: str, peer_pid: str, role: Role) -> Transfer | None:
        """The one that a peer knows under its own pid."""
        return self._one("by_peer_pid", peer=peer, peer_pid=peer_pid, role=role)

    def page(
        self,
        *,
        limit: int = 50,
        offset: int = 0,
        role: str | None = None,
        state: str | None = None,
        peer: str | None = None,
    ) -> list[Transfer]:
        """Newest first."""
        return self._all("page", limit=limit, offset=offset, role=role, state=state, peer=peer)

    def counts(self) -> list[tuple[str, str, int]]:
        """(role, state, how many); INITIAL where nothing was acknowledged yet."""
        return [(row[0], row[1], row[2]) for row in self._db.rows("transfer", "counts", {})]

    def of_agreement(self, agreement_id: str) -> list[Transfer]:
        """All transfers under an agreement."""
        return self._all("of_agreement", agreement_id=agreement_id)

    def open(self) -> list[Transfer]:
        """All transfers that are not over."""
        return self._all("open")


class Agreements(_Versioned[Agreement]):
    """Contracts, both roles."""

    def delete(self, agreement_id: str) -> None:
        """Forget one that was replaced before it became final."""
        self._run("delete", id=agreement_id)

    def page(
        self, *, limit: int = 50, offset: int = 0, role: str | None = None, peer: str | None = None
    ) -> list[Agreement]:
        """Newest first."""
        return self._all("page", limit=limit, offset=offset, role=role, peer=peer)

    def count_for_dataset(self, dataset_id: str) -> int:
        """How many agreements name a dataset of ours."""
        return self._number("count_for_dataset", dataset_id=dataset_id)


class Assets(_Rows[Asset]):
    """Datasets by version."""

    def version(self, asset_id: str, version: int) -> Asset | None:
        """One version, current or not."""
        return self._one("get", id=asset_id, version=version)

    def current(self, asset_id: str) -> Asset | None:
        """The version that is offered now."""
        return self._one("current", id=asset_id)

    def newest_version(self, asset_id: str) -> int:
        """The highest version number ever used; 0 if there is none."""
        return self._number("newest_version", id=asset_id)

    def retire(self, asset_id: str) -> None:
        """No version of it is current any more; contracts keep theirs."""
        self._run("retire", id=asset_id)

    def set_current(self, asset_id: str, version: int) -> None:
        """Offer a version again."""
        self._run("set_current", id=asset_id, version=version)

    def replace(self, asset: Asset) -> None:
        """Overwrite one version in place."""
        self._db.change("asset", "replace", self._type.encode(asset))

    def delete(self, asset_id: str) -> int:
        """Forget all versions."""
        return self._run("delete", id=asset_id)

    def all_current(self) -> list[Asset]:
        """Every dataset's current version."""
        return self._all("all_current")


class PolicyDefinitions(_Rows[PolicyDefinition]):
    """Stored policies; `add` replaces."""

    def delete(self, policy_id: str) -> int:
        """Forget a policy."""
        return self._run("delete", id=policy_id)

    def everything(self) -> list[PolicyDefinition]:
        """All of them, oldest first."""
        return self._all("everything")


class ContractDefinitions(_Rows[ContractDefinition]):
    """Stored contract definitions; `add` replaces."""

    def delete(self, definition_id: str) -> int:
        """Forget a definition."""
        return self._run("delete", id=definition_id)

    def everything(self) -> list[ContractDefinition]:
        """All of them, oldest first."""
        return self._all("everything")

    def count_using_policy(self, policy_id: str) -> int:
        """How many definitions refer to a policy."""
        return self._number("using_policy", id=policy_id)


class Catalog(_Rows[CatalogOffer]):
    """The catalog as it stands, rendered."""

    def offer(self, offer_id: str) -> CatalogOffer | None:
        """An offer by its id, a current one first; it may be outdated."""
        return self._one("get", id=offer_id)

    def offers_with_id(self, offer_id: str) -> list[CatalogOffer]:
        """The same offer under every definition that makes it."""
        return self._all("get", id=offer_id)

    def of_asset(self, asset_id: str) -> list[CatalogOffer]:
        """All offers ever made for a dataset."""
        return self._all("of_asset", asset_id=asset_id)

    def current_of_asset(self, asset_id: str) -> list[CatalogOffer]:
        """The offers that stand for a dataset."""
        return self._all("current_of_asset", asset_id=asset_id)

    def retire_asset(self, asset_id: str) -> None:
        """Its offers no longer stand."""
        self._run("retire_asset", asset_id=asset_id)

    def access_policies(self) -> list[tuple[str, dict[str, Any]]]:
        """The distinct access policies of all standing offers, as (digest, policy)."""
        rows = self._db.rows("catalog_offer", "access_policies", {})
        return [(row[0], json.loads(row[1])) for row in rows]

    def put_dataset(self, asset_id: str, version: int, head: str) -> None:
        """Put a dataset's rendered head into the catalog."""
        self._run("put_dataset", asset_id=asset_id, version=version, head=head)

    def drop_dataset(self, asset_id: str) -> None:
        """Take a dataset out of the catalog."""
        self._run("drop_dataset", asset_id=asset_id)

    def dataset(self, asset_id: str) -> Any | None:
        """(seq, asset_id, head) of one dataset."""
        rows = self._db.rows("catalog_offer", "dataset", {"asset_id": asset_id})
        return rows[0] if rows else None

    def page_after(self, digests: list[str], after: int, limit: int, offset: int = 0) -> list[Any]:
        """(seq, asset_id, head) of the next datasets that the access policies let through."""
        params = {"digests": json.dumps(digests), "after": after, "limit": limit, "offset": offset}
        return self._db.rows("catalog_offer", "after", params)

    def page_before(self, digests: list[str], before: int, limit: int) -> list[Any]:
        """(seq, asset_id, head) of the datasets before one, in order."""
        params = {"digests": json.dumps(digests), "before": before, "limit": limit}
        return self._db.rows("catalog_offer", "before", params)[::-1]

    def offers_of(self, asset_ids: list[str], digests: list[str]) -> list[Any]:
        """(id, asset_id, rendered, token_expires_at) of the visible offers of some datasets."""
        params = {"assets": json.dumps(asset_ids), "digests": json.dumps(digests)}
        return self._db.rows("catalog_offer", "offers_of", params)

    def dataset_count(self) -> int:
        """How many datasets stand in the catalog."""
        return self._number("dataset_count")


class Tombstones(_Rows[Tombstone]):
    """Versions that left the catalog; `add` replaces."""

    def of_version(self, asset_id: str, version: int) -> Tombstone | None:
        """That of one version."""
        return self._one("of_version", asset_id=asset_id, version=version)

    def newest(self, asset_id: str) -> Tombstone | None:
        """That of the highest version."""
        return self._one("newest", asset_id=asset_id)

    def before(self, asset_id: str, version: int) -> int:
        """The highest version with a tombstone below another version; 0 if there is none."""
        return self._number("before", asset_id=asset_id, version=version)

    def delete(self, asset_id: str, version: int) -> None:
        """It stands in the catalog again."""
        self._run("delete", asset_id=asset_id, version=version)


class Outbox(_Rows[OutboxItem]):
    """Messages on their way."""

    def everything(self) -> list[OutboxItem]:
        """All of them, in the order they were put in."""
        return self._all("everything")

    def size(self) -> int:
        """How many there are."""
        return self._number("size")

    def of_process(self, process_id: str) -> list[OutboxItem]:
        """Those of one process."""
        return self._all("of_process", process_id=process_id)

    def postpone(self, item_id: str, not_before: datetime, error: str) -> None:
        """Count an attempt and say when the next one may be."""
        self._run("postpone", id=item_id, not_before=iso(not_before), last_error=error)

    def delete(self, item_id: str) -> bool:
        """Take one out; False if it was gone."""
        return self._run("delete", id=item_id) == 1

    def delete_of_process(self, process_id: str) -> None:
        """Take out whatever is still on its way for a process."""
        self._run("delete_of_process", process_id=process_id)


class Inbox(_Rows[InboxEntry]):
    """Messages that were accepted."""

    def seen(self, peer: str, message_id: str) -> InboxEntry | None:
        """The message a peer sent under an @id."""
        return self._one("get", peer=peer, message_id=message_id)

    def with_content(self, process_id: str, content_digest: str) -> InboxEntry | None:
        """The newest message of a process with the same content, whatever its @id."""
        return self._one("by_content", process_id=process_id, content_digest=content_digest)


class Timers(_Rows[Timer]):
    """What falls due."""

    def set(self, kind: str, ref: str, due_at: datetime) -> None:
        """Set or move one."""
        self._run("set", kind=kind, ref=ref, due_at=iso(due_at))

    def clear(self, kind: str, ref: str) -> None:
        """Forget one."""
        self._run("clear", kind=kind, ref=ref)

    def due(self, now: datetime) -> list[Timer]:
        """Those that are due, at most 500."""
        return self._all("due", now=iso(now))

    def next_due(self) -> datetime | None:
        """When the next one falls due."""
        found = self._db.rows("timer", "next", {})[0][0]
        return parse_iso(found) if found else None


class AccessTokens(_Rows[AccessToken]):
    """Pull tokens by digest."""

    def by_refresh(self, refresh_digest: str) -> AccessToken | None:
        """The token that a refresh token belongs to."""
        return self._one("by_refresh", refresh_digest=refresh_digest)

    def newest_of_transfer(self, transfer_id: str) -> AccessToken | None:
        """The last token given out for a transfer."""
        return self._one("newest_of_transfer", transfer_id=transfer_id)

    def mark_used(self, token: AccessToken) -> None:
        """A token was used: the ones before it are void."""
        self._run("mark_used", digest=token.digest)
        self._run(
            "delete_older", transfer_id=token.transfer_id, digest=token.digest, issued_at=iso(token.issued_at)
        )

    def delete_of_transfer(self, transfer_id: str) -> None:
        """Void every token of a transfer."""
        self._run("delete_of_transfer", transfer_id=transfer_id)


class Uses(_Rows[Use]):
    """Uses; `add` replaces."""

    def newest_of_transfer(self, transfer_id: str) -> Use | None:
        """The use that a transfer is in."""
        return self._one("newest_of_transfer", transfer_id=transfer_id)

    def count_of_agreement(self, agreement_id: str) -> int:
        """How often an agreement was used."""
        return self._number("count_of_agreement", agreement_id=agreement_id)

    def totals_of_agreement(self, agreement_id: str) -> Mapping[str, Any]:
        """{uses, bytes_sent, last_at} of an agreement."""
        return dict(self._db.rows("use", "totals_of_agreement", {"agreement_id": agreement_id})[0])

    def totals(self) -> Mapping[str, Any]:
        """{uses, bytes_sent} in all."""
        return dict(self._db.rows("use", "totals", {})[0])


class Tx:
    """One open transaction. Also the `LedgerStore` that the ledger room asks for."""

    def __init__(self, db: Executor) -> None:
        self._db = db
        self._after: list[Callable[[], None]] = []
        self._edge: dict[int, tuple[int, bytes]] = {}
        self.negotiations = Negotiations(db, "negotiation", _NEGOTIATION)
        self.transfers = Transfers(db, "transfer", _TRANSFER)
        self.agreements = Agreements(db, "agreement", _AGREEMENT)
        self.assets = Assets(db, "asset", _ASSET)
        self.policies = PolicyDefinitions(db, "policy_definition", _POLICY)
        self.definitions = ContractDefinitions(db, "contract_definition", _DEFINITION)
        self.catalog = Catalog(db, "catalog_offer", _OFFER)
        self.tombstones = Tombstones(db, "tombstone", _TOMBSTONE)
        self.outbox = Outbox(db, "outbox", _OUTBOX)
        self.inbox = Inbox(db, "inbox", _INBOX)
        self.timers = Timers(db, "timer", _TIMER)
        self.tokens = AccessTokens(db, "access_token", _TOKEN)
        self.uses = Uses(db, "use", _USE)
        self.search = SearchIndex(db)

    def after(self, wake: Callable[[], None]) -> None:
        """Call this on the event loop once the transaction is on disk; never if it rolls back."""
        self._after.append(wake)

    def take_after(self) -> list[Callable[[], None]]:
        """The engine's side of `after`."""
        found, self._after = self._after, []
        return found

    def forget(self) -> None:
        """The engine's side of a rollback: nothing is to be called, and nothing that was written is known."""
        self._after = []
        self._edge = {}

    def first_use(self, issuer: str, jti: str, expires_at: datetime) -> bool:
        """Whether a token id was never used before; it is from now on."""
        params = {"issuer": issuer, "jti": jti, "expires_at": iso(expires_at)}
        return self._db.change("replay", "add", params) == 1

    def forget_replays(self, now: datetime) -> None:
        """Drop the ids of tokens that could not be used any more anyway."""
        self._db.change("replay", "forget", {"now": iso(now)})

    def replays(self) -> list[tuple[str, str, datetime]]:
        """The token ids that are still remembered."""
        return [(r[0], r[1], parse_iso(r[2])) for r in self._db.rows("replay", "everything", {})]

    def count_refusal(self, peer: str, code: str, day: str) -> None:
        """One more refusal of a peer: a counter, not a row each."""
        self._db.change("refusal", "count", {"peer": peer, "code": code, "day": day})

    def refusals(self) -> list[Mapping[str, Any]]:
        """{peer, code, day, count}, newest day first."""
        return [dict(row) for row in self._db.rows("refusal", "everything", {})]

    def refusal_totals(self) -> list[tuple[str, int]]:
        """(code, how many refusals so far)."""
        return [(row[0], row[1]) for row in self._db.rows("refusal", "totals", {})]

    def get_meta(self, key: str) -> str | None:
        """A fact about the store itself."""
        rows = self._db.rows("meta", "get", {"key": key})
        return str(rows[0][0]) if rows else None

    def put_meta(self, key: str, value: str) -> None:
        """Set a fact about the store itself."""
        self._db.change("meta", "put", {"key": key, "value": value})

    # The ledger's own verbs: see `ledger.log.LedgerStore`.

    def ledger_size(self) -> int:
        """How many leaves there are."""
        if 0 in self._edge:
            return self._edge[0][0] + 1
        return int(self._db.rows("ledger", "size", {})[0][0])

    def ledger_node(self, level: int, index: int) -> bytes:
        """The hash of a complete subtree; level 0 is the leaf hash."""
        newest, value = self._edge.get(level, (-1, b""))
        if newest == index:
            return value
        if level == 0:
            return bytes(self._db.rows("ledger", "leaf_hash", {"seq": index})[0][0])
        return bytes(self._db.rows("ledger", "node", {"level": level, "idx": index})[0][0])

    def add_ledger_leaf(
        self, seq: int, body: bytes, leaf: bytes, nodes: Iterable[tuple[int, int, bytes]]
    ) -> None:
        """Insert a leaf and the inner nodes it completed."""
        self._db.change("ledger", "add_leaf", {"seq": seq, "body": body, "hash": leaf})
        # The next leaf asks for nothing but the newest node of each level: no need to read them back.
        self._edge[0] = seq, leaf
        for level, index, value in nodes:
            self._db.change("ledger", "add_node", {"level": level, "idx": index, "hash": value})
            self._edge[level] = index, value

    def ledger_bodies(self, start: int, stop: int) -> Iterator[bytes]:
        """The leaves [start, stop), a few thousand in memory at a time."""
        for first in range(start, stop, 4096):
            after = min(first + 4096, stop)
            for row in self._db.rows("ledger", "bodies", {"start": first, "stop": after}):
                yield bytes(row[0])

    def add_ledger_head(self, size: int, root: str, token: str) -> None:
        """Keep a signed head; the same size again keeps the first."""
        self._db.change("ledger", "add_head", {"size": size, "root": root, "token": token})

    def ledger_heads(self) -> list[str]:
        """All signed heads by rising size."""
        return [row[0] for row in self._db.rows("ledger", "heads", {})]

    def newest_ledger_head(self) -> tuple[int, str] | None:
        """Size and token of the newest head."""
        rows = self._db.rows("ledger", "newest_head", {})
        return (rows[0][0], rows[0][1]) if rows else None
