"""Bytes only: describing sources, serving ranges of them, pulling them, stopping at once.

Nothing here knows a policy, a token or a table. Who may have which bytes, and
whether still, arrives as an argument (`still_allowed`, `Stopper`); what left is
handed back (`Delivered`, `on_slice`) for others to count and to write down.
"""
