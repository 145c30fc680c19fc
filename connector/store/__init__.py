"""The only SQL of the connector."""
