"""E-mail over TLS: from the first byte or by STARTTLS, with a certificate that is trusted, or not at all."""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from services.messaging.clients.smtp import Server, SmtpProvider
from services.messaging.domain.answers import Accepted, NotNow
from tests.services.messaging.post import Post
from tests.services.messaging.test_smtp import delivery


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of 127.0.0.1, signed by itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail")]), datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("mail") / "mail.pem"
    private = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, *private) + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def of_server(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def trusting(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate))


async def answer_of(post: Post, **server: Any) -> Any:
    smtp = SmtpProvider(Server("127.0.0.1", post.port, **server), timeout=30, room=1)
    try:
        return await smtp.send(delivery())
    finally:
        await smtp.close()


@pytest.mark.parametrize("security", ["auto", "starttls"])
async def test_a_connection_is_made_safe_where_that_is_offered(
    of_server: ssl.SSLContext, trusting: ssl.SSLContext, security: str
) -> None:
    heard = []

    def check(_server: Any, session: Any, *_: object) -> AuthResult:
        heard.append(session.ssl is not None)
        return AuthResult(success=True)

    async with Post().open(tls_context=of_server, require_starttls=True, authenticator=check) as post:
        server = {"security": security, "tls": trusting, "username": "shop", "password": "secret"}
        assert isinstance(await answer_of(post, **server), Accepted)
    assert (len(post.taken), heard) == (1, [True])


async def test_it_may_be_safe_from_the_first_byte(of_server: ssl.SSLContext, trusting: ssl.SSLContext) -> None:
    async with Post().open(tls=of_server) as post:
        assert isinstance(await answer_of(post, security="tls", tls=trusting), Accepted)
        assert isinstance(await answer_of(post, security="tls"), NotNow), "nobody vouches for it"
    assert len(post.taken) == 1


async def test_a_server_that_nobody_vouches_for_is_told_nothing(of_server: ssl.SSLContext) -> None:
    async with Post().open(tls_context=of_server) as post:
        for security in ("auto", "starttls"):
            assert isinstance(await answer_of(post, security=security, username="shop", password="secret"), NotNow)
    assert (post.tries, post.taken) == (0, [])


async def test_where_it_is_required_nothing_is_said_without_it(trusting: ssl.SSLContext) -> None:
    async with Post().open() as post:
        assert isinstance(await answer_of(post, security="starttls", tls=trusting), NotNow)
    assert (post.tries, post.taken) == (0, [])
