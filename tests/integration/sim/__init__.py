"""Deterministic simulation: many connectors in one process under one seed.

Clock, randomness, network and the moment of every crash come from the seed, so
`python -m tests.integration.sim --seed N --steps M` plays any run again.
"""
