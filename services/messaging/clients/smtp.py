"""E-mail over SMTP: a few connections, kept open; every outcome is an answer.

Until the message's text is on its way a failure is certain, and the message can be tried again. From then on only the server's
reply tells: without it, whether the message was taken is not known.
"""

import asyncio
import ssl
from dataclasses import dataclass, field
from typing import Literal

import aiosmtplib

from services.messaging.domain.answers import Accepted, Answer, NotNow, Rejected, Unsure, in_plain_text, smtp_answer
from services.messaging.domain.delivery import Delivery
from services.messaging.domain.emails import Mail, marks_for, write_mail

Security = Literal["auto", "starttls", "tls", "none"]


@dataclass(frozen=True, slots=True)
class Server:
    """Where and how to reach a mail server."""

    host: str
    port: int
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    security: str = "auto"
    tls: ssl.SSLContext | None = None


@dataclass(slots=True)
class _Attempt:
    """How far an attempt has come: `handed_over` once the text may have reached the server."""

    handed_over: bool = False
    fresh: bool = False


class SmtpProvider:
    """Sends one e-mail at a time on each of up to `room` connections."""

    repeatable = False

    def __init__(
        self, server: Server, *, timeout: float, room: int, per_second: float | None = None, name: str = "smtp"
    ) -> None:
        self.name = name
        self.timeout = timeout
        self.room = room
        self.per_second = per_second
        self._server = server
        self._idle: list[aiosmtplib.SMTP] = []

    async def send(self, delivery: Delivery) -> Answer:
        """The server's answer to one message, within the timeout."""
        return in_plain_text(await self._try(delivery))

    async def _try(self, delivery: Delivery) -> Answer:
        try:
            content = delivery.content
            headers = content["headers"] | marks_for(self._server.host, delivery.id)
            mail = write_mail(headers, text=content["text"], html=content["html"])
        except (ValueError, LookupError) as error:
            return Rejected(f"The message can't be written as e-mail ({type(error).__name__}).")
        attempt = _Attempt()
        try:
            async with asyncio.timeout(self.timeout):
                return await self._send_on_some(mail, attempt)
        except TimeoutError:
            return _interrupted(attempt, "The server did not answer in time.")
        except aiosmtplib.SMTPResponseException as error:
            return _refusal(error)
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            return _interrupted(attempt, f"{type(error).__name__}: {error}"[:500])

    async def _send_on_some(self, mail: Mail, attempt: _Attempt) -> Answer:
        try:
            return await self._send_on(await self._connection(attempt), mail, attempt)
        except (aiosmtplib.SMTPServerDisconnected, ConnectionError):
            # A connection kept open may have been closed by the server since: that says nothing about the message.
            if attempt.fresh or attempt.handed_over:
                raise
        return await self._send_on(await self._connect(attempt), mail, attempt)

    async def _send_on(self, connection: aiosmtplib.SMTP, mail: Mail, attempt: _Attempt) -> Answer:
        try:
            answer = await _transfer(connection, mail, attempt)
        except BaseException:
            # Cancelled in mid-sentence, too, by the time limit or the process's end: used again, the connection would take the
            # answer to this message for the next one's.
            connection.close()
            raise
        self._idle.append(connection)
        return answer

    async def _connection(self, attempt: _Attempt) -> aiosmtplib.SMTP:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_connected:
                return connection
        return await self._connect(attempt)

    async def _connect(self, attempt: _Attempt) -> aiosmtplib.SMTP:
        attempt.fresh = True
        server = self._server
        connection = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.username,
            password=server.password,
            use_tls=server.security == "tls",
            start_tls={"auto": None, "starttls": True}.get(server.security, False),
            tls_context=server.tls,
            timeout=self.timeout,
        )
        try:
            await connection.connect()
            await _greet(connection)
        except aiosmtplib.SMTPResponseException as error:
            # Also where the password is refused for good: that is not the message's fault, and can be put right.
            raise aiosmtplib.SMTPConnectError(f"{error.code} {error.message}") from error
        return connection

    async def close(self) -> None:
        """Say goodbye on the idle connections."""
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()


async def _greet(connection: aiosmtplib.SMTP) -> None:
    """Say who we are, the older way where the server knows no other."""
    if not connection.is_ehlo_or_helo_needed:
        return
    try:
        await connection.ehlo()
    except aiosmtplib.SMTPHeloError:
        await connection.helo()


async def _transfer(connection: aiosmtplib.SMTP, mail: Mail, attempt: _Attempt) -> Answer:
    if mail.international and not connection.supports_extension("smtputf8"):
        return Rejected("The server takes no international addresses.")
    options, encoding = ([b"SMTPUTF8"], "utf-8") if mail.international else ([], "ascii")
    # Not by its `mail` and `rcpt`, which take an address apart once more: that takes as long as all else here. The time limit is
    # that of the whole.
    reply = await connection.execute_command(
        b"MAIL", b"FROM:<%s>" % mail.sender.encode(encoding), *options, timeout=None
    )
    if reply.code != aiosmtplib.SMTPStatus.completed:
        raise aiosmtplib.SMTPSenderRefused(reply.code, reply.message, mail.sender)
    reply = await connection.execute_command(b"RCPT", b"TO:<%s>" % mail.recipient.encode(encoding), timeout=None)
    if reply.code not in (aiosmtplib.SMTPStatus.completed, aiosmtplib.SMTPStatus.will_forward):
        raise aiosmtplib.SMTPRecipientRefused(reply.code, reply.message, mail.recipient)
    attempt.handed_over = True
    reply = await connection.data(mail.content, timeout=None)
    return Accepted(f"{reply.code} {reply.message}"[:500])


def _refusal(error: aiosmtplib.SMTPResponseException) -> Answer:
    answer = smtp_answer(error.code, error.message)
    if isinstance(answer, Rejected) and not isinstance(error, aiosmtplib.SMTPRecipientRefused):
        return Rejected(answer.text, bounced=answer.bounced and error.message.startswith("5.1."))
    return answer


def _interrupted(attempt: _Attempt, text: str) -> Answer:
    return Unsure(text) if attempt.handed_over else NotNow(text)
