"""The embedded marketplace: the retail network API over SQLite, so that the first command on a laptop needs
nothing. Comes in: HTTP requests (ASGI). Goes out: what a real marketplace would answer, and, on request, the
faults that real ones have.

`database` keeps resources with every version (pages are of one snapshot), `rules` refuses what a marketplace
would, `app` is the HTTP face, `faults` the misbehaviour that can be ordered, `disturb` a hand from outside.
"""
