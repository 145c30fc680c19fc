"""The verbs of `madang`: those on files run here, the others are clients of the management API."""
