"""Madang (마당): a federated data-space connector for manufacturers."""

__version__ = "0.1.0"
