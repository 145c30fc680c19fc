"""Conformance to the Dataspace Protocol 2025-1: our own player, and a runner for the official kit."""
