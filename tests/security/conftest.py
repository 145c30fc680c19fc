"""The stage of the exchange tests: a connector, a partner whose messages the test writes, and a stranger."""

from __future__ import annotations

from tests.integration.conftest import stage

__all__ = ["stage"]
