"""An emulator of Amazon's Selling Partner API: it keeps what it is told, on a clock of its own. Comes in:
HTTP requests. Goes out: answers in the shapes of the official models. Callers: `acorn sandbox serve
--sp-api`, tests.

One file an API (`sellers`, `supply_sources`, `listings`), each a table of operations; `world` is what is
kept, `throttle` and `login` stand before every operation, `control` is the way for people and tests to set
the clock, to disturb, and to make it fail. It shares no line with the adapter, so that the two cannot err
alike.
"""
