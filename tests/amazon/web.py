"""One client for all who ask the emulator by hand: a client of its own for each request reads the world's
certificates each time, 30 ms, and nothing here is encrypted."""

from __future__ import annotations

import httpx2

WEB = httpx2.Client(limits=httpx2.Limits(max_keepalive_connections=0))
