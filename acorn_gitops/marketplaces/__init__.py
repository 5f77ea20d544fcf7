"""Live marketplaces behind one protocol. Comes in: a connection's settings. Goes out: an adapter.

`protocol` is what an adapter must do, `conformance` the suite that it must pass (it ships, so that outsiders
can run it on theirs), `registry` finds adapters by entry point. One package an adapter: `network`.
"""
