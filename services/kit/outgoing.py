"""Requests to addresses clients name: only to public networks, to the very address that was checked.

A name that resolves to an inside address would let a client reach what only this machine may reach
(server-side request forgery). So the name is resolved here, every address is checked, and the
connection goes to the checked address; it is not resolved again. Redirects are not followed.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import httpx

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_EXCERPT_BYTES = 500
# Addresses that carry another one, which a gateway on the way may turn back into it: of IPv4 (mapped
# are told apart by themselves; compatible, translated by SIIT and NAT64, 6to4), and site-local ones.
# To Python they are global, or were until lately.
_CARRIERS: Sequence[Network] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "::/96",
        "::ffff:0:0:0/96",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "2002::/16",
        "fec0::/10",
        "192.0.0.0/24",
        "192.88.99.0/24",
    )
)
_INSIDE_NAMES = (".localhost", ".local", ".internal")


class AddressRefusedError(Exception):
    """The name stands for no address a request may go to."""


class Answer(NamedTuple):
    """A status, or why there was none."""

    status: int | None
    error: str | None
    milliseconds: int


def networks(texts: Sequence[str]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


def is_allowed(address: Address, allowed: Sequence[Network]) -> bool:
    """Public, or in a network that is explicitly allowed."""
    mapped = getattr(address, "ipv4_mapped", None)
    real: Address = mapped or address
    if any(real.version == network.version and real in network for network in allowed):
        return True
    if any(real.version == network.version and real in network for network in _CARRIERS):
        return False
    return real.is_global and not real.is_multicast


def literal_problem(url: str, allowed: Sequence[Network]) -> str | None:
    """What can be said against an address without asking anybody, as a predicate."""
    try:
        parsed = httpx.URL(url)
        parsed.host.encode("idna")
    except (httpx.InvalidURL, ValueError, TypeError):
        return "is not an address like https://example.com/hook"
    if parsed.scheme not in ("https", "http") or not parsed.host:
        return "must be an address that begins with https://"
    if parsed.userinfo:
        return "must not carry a name or password"
    if parsed.port is not None and not _is_port(parsed.port):
        return "has a port that is none"
    literal = _literal(parsed.host)
    if literal is not None and not is_allowed(literal, allowed):
        return "is an address inside a private network"
    # Where a network is allowed, names and plain http are judged when they are resolved.
    if not allowed and (parsed.host == "localhost" or parsed.host.endswith(_INSIDE_NAMES)):
        return "is a name inside a private network"
    if parsed.scheme == "http" and (not allowed or (literal is not None and literal.is_global)):
        return "must begin with https://"
    return None


def _is_port(port: int) -> bool:
    return 0 < port < 2**16


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None


async def resolve(host: str, port: int, allowed: Sequence[Network]) -> Address:
    """One address of the name; all of them must be allowed, or none is used. Raises
    AddressRefusedError, or OSError where the name is not known."""
    if not _is_port(port):
        raise AddressRefusedError(f"{port} is not a port")
    literal = _literal(host)
    if literal is None:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except UnicodeError as error:
            raise AddressRefusedError(f"{host} is not a name: {error}") from error
        addresses = [ipaddress.ip_address(entry[4][0]) for entry in found]
    else:
        addresses = [literal]
    for address in addresses:
        if not is_allowed(address, allowed):
            raise AddressRefusedError(f"{host} is {address}, which is not public")
    if not addresses:
        raise AddressRefusedError(f"{host} has no address")
    return addresses[0]


class Outgoing:
    """A client that posts to public addresses only. Keep one for the life of the process."""

    def __init__(self, *, allowed: Sequence[str], timeout_s: float) -> None:
        self._allowed = networks(allowed)
        self._timeout_s = timeout_s
        # Connections are told apart by address, so one kept open for a name would serve another
        # name of that address, whose certificate nobody looked at.
        self._client = httpx.AsyncClient(
            timeout=timeout_s,
            follow_redirects=False,
            trust_env=False,
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Never raises for what the other side does; its whole time is limited, however slowly it
        answers."""
        started = time.monotonic()
        status, error = None, None
        try:
            async with asyncio.timeout(self._timeout_s):
                status, error = await self._post(url, body, headers)
        except TimeoutError:
            error = f"no answer within {self._timeout_s:g} seconds"
        except (httpx.HTTPError, httpx.InvalidURL, OSError, AddressRefusedError) as fault:
            error = (str(fault) or type(fault).__name__)[:_EXCERPT_BYTES]
        return Answer(status, error, round((time.monotonic() - started) * 1000))

    async def _post(
        self, url: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, str | None]:
        parsed = httpx.URL(url)
        by_scheme = 443 if parsed.scheme == "https" else 80
        port = by_scheme if parsed.port is None else parsed.port
        address = await resolve(parsed.host, port, self._allowed)
        if parsed.scheme == "http" and address.is_global:
            raise AddressRefusedError("an address outside must begin with https://")
        request = self._client.build_request(
            "POST",
            parsed.copy_with(host=str(address)),
            content=body,
            headers={
                **headers,
                "Host": parsed.netloc.decode("ascii"),
                "Accept-Encoding": "identity",
            },
            extensions={"sni_hostname": parsed.host},
        )
        response = await self._client.send(request, stream=True)
        try:
            return response.status_code, await _excerpt(response)
        finally:
            await response.aclose()


async def _excerpt(response: httpx.Response) -> str | None:
    """The beginning of a refusal's body, which usually says why; the rest is not read. Nothing is
    unpacked: a few bytes may stand for as much memory as there is."""
    if response.is_success:
        return None
    async for piece in response.aiter_raw():
        text = piece[:_EXCERPT_BYTES].decode("utf-8", "replace")
        return "".join(letter if letter.isprintable() else " " for letter in text) or None
    return None
