"""Merkle trees over a growing log, as RFC 6962 section 2.1 defines them; pure functions.

Nodes are named by (level, index): level 0 are the leaf hashes, and the node
(l, i) covers exactly the leaves [i * 2**l, (i + 1) * 2**l). Only such complete
subtrees are ever stored; whatever a proof needs beyond them is folded on the
fly from O(log n) of them. Hashes are SHA-256, 32 bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = sha256(b"").digest()
"""The root of a tree without leaves (RFC 6962 section 2.1)."""

Node = tuple[int, int, bytes]
"""(level, index, hash) of a complete subtree."""
ReadNode = Callable[[int, int], bytes]
"""Gives the hash of the complete subtree (level, index)."""


def leaf_hash(body: bytes) -> bytes:
    """The hash of one leaf: SHA-256 of 0x00 and the leaf's bytes."""
    return sha256(b"\x00" + body).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node: SHA-256 of 0x01 and both children."""
    return sha256(b"\x01" + left + right).digest()


def completed_nodes(index: int, leaf: bytes, node: ReadNode) -> list[Node]:
    """The inner nodes (levels 1 and up, rising) that become complete when leaf `index` is appended.

    Reads only the left neighbours it merges with: one on average, log2(index) at
    most, so that a log can grow from its stored nodes without any state in memory.
    """
    done: list[Node] = []
    level, current = 0, leaf
    while index & 1:
        current = node_hash(node(level, index - 1), current)
        level += 1
        index >>= 1
        done.append((level, index, current))
    return done


@dataclass(frozen=True, slots=True)
class Frontier:
    """All of a tree that is needed to grow it: its complete subtrees from left to right.

    `peaks` holds one hash for each one bit of `size`, the largest subtree first.
    """

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if self.size < 0 or len(self.peaks) != self.size.bit_count():
            raise ValueError(f"{len(self.peaks)} peaks do not make a tree of {self.size} leaves")

    @classmethod
    def read(cls, size: int, node: ReadNode) -> Frontier:
        """The frontier of the first `size` leaves of a stored tree; log2(size) reads."""
        return cls(size, tuple(node(level, index) for level, index in _cover(0, size)))

    def append(self, leaf: bytes) -> tuple[Frontier, list[Node]]:
        """The frontier with one more leaf hash, and the inner nodes that this completed (levels 1 and up)."""
        peaks = list(self.peaks)
        done = completed_nodes(self.size, leaf, lambda _level, _index: peaks.pop())
        peaks.append(done[-1][2] if done else leaf)
        return Frontier(self.size + 1, tuple(peaks)), done

    def root(self) -> bytes:
        """The Merkle tree hash of these leaves."""
        return _fold(self.peaks)

    def to_bytes(self) -> bytes:
        """8 bytes of size, big-endian, then the peaks."""
        return self.size.to_bytes(8, "big") + b"".join(self.peaks)

    @classmethod
    def from_bytes(cls, raw: bytes) -> Frontier:
        """Read what `to_bytes` wrote.

        Raises:
            ValueError: the length does not belong to the size.
        """
        peaks, rest = divmod(len(raw) - 8, HASH_BYTES)
        if peaks < 0 or rest:
            raise ValueError(f"{len(raw)} bytes are no frontier")
        cuts = range(8, len(raw), HASH_BYTES)
        return cls(int.from_bytes(raw[:8], "big"), tuple(raw[i : i + HASH_BYTES] for i in cuts))


def inclusion_proof(index: int, size: int, node: ReadNode) -> list[bytes]:
    """The audit path of leaf `index` in the tree of the first `size` leaves (RFC 6962 section 2.1.1).

    The lowest sibling comes first. O(log size) reads.

    Raises:
        ValueError: there is no such leaf in that tree.
    """
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(_subtree(middle, end, node))
            end = middle
        else:
            path.append(_subtree(start, middle, node))
            start = middle
    path.reverse()
    return path


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether `path` proves that the tree (`size`, `root`) has the leaf hash `leaf` at `index`
    (RFC 9162 section 2.1.3.2).
    """
    if not 0 <= index < size:
        return False
    position, last, current = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if position & 1 or position == last:
            current = node_hash(sibling, current)
            while not position & 1 and position:
                # The last node of an uneven row has no sibling there: it rises as it is.
                position >>= 1
                last >>= 1
        else:
            current = node_hash(current, sibling)
        position >>= 1
        last >>= 1
    return last == 0 and current == root


def consistency_proof(first: int, size: int, node: ReadNode) -> list[bytes]:
    """Proof that the first `first` of `size` leaves are the whole tree of then (RFC 6962 section 2.1.2).

    Empty when `first` is 0 or `size`: then there is nothing to show. O(log size) reads.

    Raises:
        ValueError: the first tree is larger than the second.
    """
    if not 0 <= first <= size:
        raise ValueError(f"a tree of {size} leaves has no first {first} leaves")
    if first in (0, size):
        return []
    proof: list[bytes] = []
    start, end, is_whole = 0, size, True
    while first != end:
        middle = start + _split(end - start)
        if first <= middle:
            proof.append(_subtree(middle, end, node))
            end = middle
        else:
            proof.append(_subtree(start, middle, node))
            start, is_whole = middle, False
    if not is_whole:
        # The verifier holds the old root itself, but not this piece of it.
        proof.append(_subtree(start, end, node))
    proof.reverse()
    return proof


def verify_consistency(
    first: int, first_root: bytes, second: int, second_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Whether `proof` shows the tree (`first`, `first_root`) to be the beginning of the tree
    (`second`, `second_root`) (RFC 9162 section 2.1.4.2).
    """
    if not 0 <= first <= second:
        return False
    if first == second:
        return not proof and first_root == second_root
    if first == 0:
        return not proof and first_root == EMPTY_ROOT
    rest = list(proof)
    if first.bit_count() == 1:
        rest.insert(0, first_root)
    if not rest:
        return False
    position, last = first - 1, second - 1
    while position & 1:
        position >>= 1
        last >>= 1
    old = new = rest[0]
    for piece in rest[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            old, new = node_hash(piece, old), node_hash(piece, new)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            new = node_hash(new, piece)
        position >>= 1
        last >>= 1
    return last == 0 and old == first_root and new == second_root


def _split(count: int) -> int:
    """The largest power of two smaller than `count` (which is at least 2)."""
    return 1 << ((count - 1).bit_length() - 1)


def _cover(start: int, end: int) -> list[tuple[int, int]]:
    """The complete subtrees that make up the leaves [start, end), largest first.

    `start` must be a multiple of the largest of them, as it is for every split of RFC 6962.
    """
    found: list[tuple[int, int]] = []
    while start < end:
        level = (end - start).bit_length() - 1
        found.append((level, start >> level))
        start += 1 << level
    return found


def _subtree(start: int, end: int, node: ReadNode) -> bytes:
    return _fold([node(level, index) for level, index in _cover(start, end)])


def _fold(peaks: Sequence[bytes]) -> bytes:
    if not peaks:
        return EMPTY_ROOT
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = node_hash(peak, root)
    return root
