"""Benches: each prints ratios of one run, ours against something bare, and what both took."""
