"""RFC 6962 trees against the definition written down naively."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.ledger.merkle import (
    EMPTY_ROOT,
    Frontier,
    completed_nodes,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    verify_consistency,
    verify_inclusion,
)

EXHAUSTIVE = 34


def split(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def naive_root(leaves: list[bytes]) -> bytes:
    """MTH(D[n]) of RFC 6962 section 2.1."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    k = split(len(leaves))
    return sha256(b"\x01" + naive_root(leaves[:k]) + naive_root(leaves[k:])).digest()


def naive_path(m: int, leaves: list[bytes]) -> list[bytes]:
    """PATH(m, D[n]) of RFC 6962 section 2.1.1."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return [*naive_path(m, leaves[:k]), naive_root(leaves[k:])]
    return [*naive_path(m - k, leaves[k:]), naive_root(leaves[:k])]


def naive_subproof(m: int, leaves: list[bytes], whole: bool) -> list[bytes]:
    """SUBPROOF(m, D[n], b) of RFC 6962 section 2.1.2."""
    n = len(leaves)
    if m == n:
        return [] if whole else [naive_root(leaves)]
    k = split(n)
    if m <= k:
        return [*naive_subproof(m, leaves[:k], whole), naive_root(leaves[k:])]
    return [*naive_subproof(m - k, leaves[k:], False), naive_root(leaves[:k])]


class Tree:
    """Grows by `Frontier` and keeps the nodes that it reports, as a store does."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.nodes: dict[tuple[int, int], bytes] = {}
        self.frontier = Frontier()
        self.reads = 0
        for leaf in leaves:
            hashed = leaf_hash(leaf)
            size = self.frontier.size
            assert completed_nodes(size, hashed, self.node) == self.frontier.append(hashed)[1]
            self.nodes[0, size] = hashed
            self.frontier, done = self.frontier.append(hashed)
            for level, index, value in done:
                assert (level, index) not in self.nodes
                self.nodes[level, index] = value
        self.reads = 0

    def node(self, level: int, index: int) -> bytes:
        self.reads += 1
        return self.nodes[level, index]


def leaves_of(count: int) -> list[bytes]:
    return [f"leaf {i}".encode() for i in range(count)]


def test_known_answers() -> None:
    """Values worked out with sha256sum by hand, so that both definitions cannot be wrong together."""
    assert Frontier().root().hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert node_hash(leaf_hash(b""), leaf_hash(b"\x00")).hex() == (
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
    )


@pytest.mark.parametrize("size", range(EXHAUSTIVE))
def test_root_nodes_and_frontier(size: int) -> None:
    leaves = leaves_of(size)
    tree = Tree(leaves)
    assert tree.frontier.root() == naive_root(leaves)
    assert Frontier.from_bytes(tree.frontier.to_bytes()) == tree.frontier
    assert Frontier.read(size, tree.node) == tree.frontier
    for (level, index), value in tree.nodes.items():
        assert value == naive_root(leaves[index << level : (index + 1) << level])
    complete = sum(size >> level for level in range(size.bit_length()))
    assert len(tree.nodes) == complete


@pytest.mark.parametrize("size", range(1, EXHAUSTIVE))
def test_every_inclusion(size: int) -> None:
    leaves = leaves_of(size)
    tree = Tree(leaves)
    root = naive_root(leaves)
    for index in range(size):
        path = inclusion_proof(index, size, tree.node)
        assert path == naive_path(index, leaves)
        assert verify_inclusion(leaf_hash(leaves[index]), index, size, path, root)
        for other in range(size):
            if other != index:
                assert not verify_inclusion(leaf_hash(leaves[other]), index, size, path, root)
                assert not verify_inclusion(leaf_hash(leaves[index]), other, size, path, root)


@pytest.mark.parametrize("size", range(1, EXHAUSTIVE))
def test_every_consistency(size: int) -> None:
    leaves = leaves_of(size)
    tree = Tree(leaves)
    root = naive_root(leaves)
    for first in range(size + 1):
        old = naive_root(leaves[:first])
        proof = consistency_proof(first, size, tree.node)
        assert proof == (naive_subproof(first, leaves, True) if first else [])
        assert verify_consistency(first, old, size, root, proof)
        assert not verify_consistency(first, sha256(old).digest(), size, root, proof)
        assert not verify_consistency(first, old, size, sha256(root).digest(), proof) or first == 0
        assert not verify_consistency(first, old, size, root, [*proof, root])
        # Too short a proof for a tree of twice the size, although all hashes in it are right.
        assert not verify_consistency(first, old, 4 * size, root, proof) or first == 0
        if proof:
            assert not verify_consistency(first, old, size, root, proof[:-1])
            assert not verify_consistency(first, old, size, root, proof[1:])
            for i in range(len(proof)):
                bad = [*proof[:i], sha256(proof[i]).digest(), *proof[i + 1 :]]
                assert not verify_consistency(first, old, size, root, bad)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), leaves=st.lists(st.binary(max_size=40), min_size=1, max_size=300))
def test_proofs_of_any_log(data: st.DataObject, leaves: list[bytes]) -> None:
    tree = Tree(leaves)
    size = data.draw(st.integers(1, len(leaves)), label="size")
    index = data.draw(st.integers(0, size - 1), label="index")
    first = data.draw(st.integers(1, size), label="first")
    root, old = naive_root(leaves[:size]), naive_root(leaves[:first])
    # Proofs in a tree that has grown since are those of the tree of then.
    path = inclusion_proof(index, size, tree.node)
    assert path == naive_path(index, leaves[:size])
    assert verify_inclusion(leaf_hash(leaves[index]), index, size, path, root)
    proof = consistency_proof(first, size, tree.node)
    assert proof == naive_subproof(first, leaves[:size], True)
    assert verify_consistency(first, old, size, root, proof)
    if path:
        at = data.draw(st.integers(0, len(path) - 1), label="at")
        assert not verify_inclusion(
            leaf_hash(leaves[index]), index, size, [*path[:at], *path[at + 1 :]], root
        )
        bad = [*path[:at], node_hash(path[at], root), *path[at + 1 :]]
        assert not verify_inclusion(leaf_hash(leaves[index]), index, size, bad, root)
        assert not verify_inclusion(leaf_hash(leaves[index]), index, size, [*path, root], root)
    assert not verify_inclusion(leaf_hash(leaves[index]), size, size, path, root)
    assert not verify_inclusion(leaf_hash(leaves[index]), -1, size, path, root)


def test_reads_stay_logarithmic() -> None:
    tree = Tree(leaves_of(2000))
    for index in (0, 1, 999, 1023, 1024, 1998, 1999):
        tree.reads = 0
        inclusion_proof(index, 2000, tree.node)
        assert tree.reads <= 22
    for first in (1, 3, 1000, 1024, 1999):
        tree.reads = 0
        consistency_proof(first, 2000, tree.node)
        assert tree.reads <= 22
    tree.reads = 0
    for index in range(1024):
        completed_nodes(index, b"\x00" * 32, tree.node)
    assert tree.reads == 1023  # one for each append, on average


def test_refuses_what_is_not_there() -> None:
    tree = Tree(leaves_of(5))
    for index, size in ((5, 5), (-1, 5), (0, 0)):
        with pytest.raises(ValueError, match="has no leaf"):
            inclusion_proof(index, size, tree.node)
    for first in (6, -1):
        with pytest.raises(ValueError, match="has no first"):
            consistency_proof(first, 5, tree.node)
    assert not verify_consistency(6, EMPTY_ROOT, 5, EMPTY_ROOT, [])
    assert not verify_consistency(0, tree.frontier.root(), 5, tree.frontier.root(), [])
    assert not verify_consistency(3, tree.frontier.root(), 5, tree.frontier.root(), [])


@pytest.mark.parametrize(
    "raw",
    [b"", b"\x00" * 7, b"\x00" * 7 + b"\x01", b"\x00" * 8 + b"\x00" * 32, b"\x00" * 7 + b"\x03" + b"x" * 63],
)
def test_frontier_bytes_are_checked(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"frontier|peaks"):
        Frontier.from_bytes(raw)
