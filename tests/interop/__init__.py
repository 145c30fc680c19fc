"""A stock EDC as the other side: installed, started and driven over its own management API.

    python -m tests.interop              Madang and a stock EDC, each as provider and as consumer
    python -m tests.interop --pair edc   two stock EDCs: shows that the driver itself is right

The parts: `stock` resolves the released jars, `process` runs a child and reads its
log, `node` says what either end must offer, `edc` and `madang` are the two ends,
`management` is the one client for both, `recorder` sees (and spoils, when asked)
what reaches an EDC, `origin` holds the bytes an EDC publishes,
`announcements` hears what a Madang says of its states, `steps` are the moves
of an exchange, `scenarios`, `garbage` and `load` are the tests, `runner` plays them.
"""
