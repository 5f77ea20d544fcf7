"""Mail over SMTP. Comes in: a message, a server's address, who to. Goes out: why it was not taken. Callers:
`send`."""

from __future__ import annotations

import smtplib
import ssl
from contextlib import closing, suppress
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from urllib.parse import unquote, urlsplit

from acorn_gitops.confine.mail_server import EncryptedMailServer, MailServer
from acorn_gitops.notify.message import Message

SECONDS = 20.0


def send_mail(message: Message, server: str, to: str, sender: str) -> str:
    """`server`: `smtp://USER:PASSWORD@HOST:587` (STARTTLS where it is offered; with a user it must be) or
    `smtps://`. Answers why it was not taken; empty where it was."""
    mail = EmailMessage()
    try:
        mail["Subject"] = f"[acorn] {message.title}"[:200]
        mail["From"], mail["To"] = sender, to
    except ValueError as error:
        return f"no mail can have these heads: {error}"
    mail["Date"] = format_datetime(datetime.fromtimestamp(message.at, UTC))
    mail["Message-ID"] = f"<{message.id}@acorn.invalid>"
    mail.set_content(message.text)
    try:
        parts = urlsplit(server)
        port = parts.port or (465 if parts.scheme == "smtps" else 587)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            return "the server's address is none: smtp://USER:PASSWORD@HOST:587"
        secure = ssl.create_default_context()
        opened = (
            EncryptedMailServer(parts.hostname, port, timeout=SECONDS, context=secure)
            if parts.scheme == "smtps"
            else MailServer(parts.hostname, port, timeout=SECONDS)
        )
        with closing(opened) as smtp:
            if parts.scheme == "smtp":
                smtp.ehlo()
                if smtp.has_extn("starttls"):
                    smtp.starttls(context=secure)
                elif parts.username:
                    return "the server offers no encryption, and a password is not sent without"
            if parts.username:
                smtp.login(unquote(parts.username), unquote(parts.password or ""))
            smtp.send_message(mail)
            with suppress(OSError, smtplib.SMTPException):
                smtp.quit()  # it was taken, however they part
    except (OSError, smtplib.SMTPException, ValueError) as error:
        # Only the kind: what servers say can repeat what they were told.
        return type(error).__name__
    return ""
