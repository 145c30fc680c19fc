"""The names that never change: signed policies and agreements freeze them."""

from __future__ import annotations

from typing import Final

MMD: Final = "https://w3id.org/madang/ns#"
"""The namespace of everything we add; served under /vocab."""

ODRL: Final = "http://www.w3.org/ns/odrl/2/"
EDC: Final = "https://w3id.org/edc/v0.0.1/ns/"
DSP: Final = "https://w3id.org/dspace/2025/1/"
XSD: Final = "http://www.w3.org/2001/XMLSchema#"

CONTEXT_DSP: Final = "https://w3id.org/dspace/2025/1/context.jsonld"
CONTEXT_EDC: Final = "https://w3id.org/edc/dspace/v0.0.1"

CONTRACT_TOKEN: Final = MMD + "contractToken"
"""Message member that carries a signed contract token."""
DECLARATION: Final = MMD + "declaration"
"""TransferRequestMessage member: the consumer's signed purpose."""
WITHDRAWAL_TOKEN: Final = MMD + "withdrawalToken"
"""TransferTerminationMessage member: a signed withdrawal."""
REFRESH: Final = MMD + "refresh"
"""TransferRequestMessage member: this peer can refresh short access tokens."""

DATA_FORMAT: Final = "HttpData-PULL"
"""The one transfer format of the spine."""
ENDPOINT_HTTP: Final = "https://w3id.org/idsa/v4.1/HTTP"
"""endpointType of a data address that is pulled over HTTP."""
