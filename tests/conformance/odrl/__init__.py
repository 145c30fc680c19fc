"""Judges of the policy engine that others wrote: FORCE, OVAL, the W3C group's examples, conflict pairs."""
