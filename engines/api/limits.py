"""How much one client may ask for: a token bucket each, in bounded memory."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

MAX_CLIENTS = 4096
# A household or a server gets at least this much of IPv6, so that its addresses count as one.
IPV6_PREFIX = 64


class TokenBuckets:
    """Allow each client a burst, and then a steady rate.

    Args:
        rate_per_s: tokens that come back each second.
        burst: tokens of a client that was not seen for long.
        most_clients: the one unused longest is forgotten when there are more.
        clock: seconds, rising.

    Raises:
        ValueError: if a number is not above 0.
    """

    def __init__(
        self,
        rate_per_s: float,
        burst: int,
        *,
        most_clients: int = MAX_CLIENTS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if min(rate_per_s, burst, most_clients) <= 0:
            raise ValueError("rate, burst and the number of clients are above 0")
        self._rate_per_s, self._burst, self._most = rate_per_s, float(burst), most_clients
        self._clock, self._lock = clock, threading.Lock()
        # Client -> tokens left, and when that was so; the one unused longest comes first.
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str) -> float:
        """Take a token; return 0, or the seconds to wait until there is one."""
        now_s = self._clock()
        with self._lock:
            tokens, at_s = self._buckets.pop(client, (self._burst, now_s))
            tokens = min(self._burst, tokens + max(0.0, now_s - at_s) * self._rate_per_s)
            wait_s = 0.0 if tokens >= 1 else (1 - tokens) / self._rate_per_s
            self._buckets[client] = (tokens - 1 if wait_s == 0 else tokens, now_s)
            while len(self._buckets) > self._most:
                self._buckets.popitem(last=False)
            return wait_s

    def __len__(self) -> int:
        with self._lock:
            return len(self._buckets)


def client_key(address: str) -> str:
    """Name a client by its address; addresses of one IPv6 network are one client.

    Example:
        >>> client_key("2001:db8::1") == client_key("2001:db8::2")
        True
    """
    try:
        parsed = ipaddress.ip_address(address.strip().partition("%")[0])
    except ValueError:
        # Whatever a proxy wrote there; cut off, as it may have any length.
        return address[:64]
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, IPV6_PREFIX), strict=False))
