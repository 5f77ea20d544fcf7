"""Talks to mail servers that may be hostile. Comes in: a host, what is said to it. Goes out: its answers,
within bounds of time and size. Callers: `notify.mail`."""

from __future__ import annotations

import smtplib
import socket
import time

WHOLE = 120.0
"""Seconds that handing over one mail may take, whatever the server says meanwhile."""
ANSWERS = 1 << 20
"""Bytes that a server may say in all."""


class MailServer(smtplib.SMTP):
    """The library's own, which would wait for the end of any line, and keep any number of them.
    SMTPServerDisconnected beyond the bounds."""

    _until: float | None = None
    _left = ANSWERS

    def getreply(self) -> tuple[int, bytes]:
        """As the library's own."""
        if self.file is None and self.sock is not None:
            self.file = _Heard(self, self.sock)
        return super().getreply()

    def spend(self, size: int) -> None:
        """So many bytes came."""
        now = time.monotonic()
        if self._until is None:
            self._until = now + WHOLE
        self._left -= size
        if self._left < 0 or now > self._until:
            raise smtplib.SMTPServerDisconnected("it does not come to an end")


class EncryptedMailServer(smtplib.SMTP_SSL, MailServer):
    """The same, encrypted from the beginning."""


class _Heard:
    """What a server says, letter by letter: the time is looked at with each."""

    def __init__(self, server: MailServer, sock: socket.socket) -> None:
        self._server, self._sock = server, sock

    def readline(self, size: int) -> bytes:
        """A line, at most so long."""
        line = bytearray()
        while len(line) < size and not line.endswith(b"\n"):
            letter = self._sock.recv(1)
            if not letter:
                break
            self._server.spend(1)
            line += letter
        return bytes(line)

    def close(self) -> None:
        """Nothing is kept."""
