"""Real processes that are killed: what was acknowledged stays, and the rest is finished after the restart."""
