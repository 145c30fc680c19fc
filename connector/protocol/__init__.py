"""The Dataspace Protocol 2025-1 as pure functions: no I/O, no clock, no store."""
