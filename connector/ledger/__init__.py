"""Append-only Merkle log of what this connector did, and the proofs that others can redo."""
