"""Outbound HTTP: the one door out, and the client that speaks to other connectors."""
