"""Load on an HTTP server: closed-loop clients on keep-alive connections, bounded in time and in requests."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field

import aiohttp
import numpy as np


@dataclass
class Load:
    """Answers of one or several slices of load."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    """Processor time of the server, where the caller measured it."""
    latencies: list[float] = field(default_factory=list)
    """Seconds of each request that was answered with 200."""
    statuses: Counter[str] = field(default_factory=Counter)
    """Statuses, and names of errors of the connection."""
    closed: int = 0
    """Clients that the server asked to go elsewhere."""

    def add(self, other: "Load") -> None:
        """Add another slice."""
        self.seconds += other.seconds
        self.cpu_seconds += other.cpu_seconds
        self.latencies += other.latencies
        self.statuses.update(other.statuses)
        self.closed += other.closed

    @property
    def rate(self) -> float:
        """Return answers a second."""
        return len(self.latencies) / self.seconds

    @property
    def errors(self) -> int:
        """Return the requests that were not answered with 200."""
        return self.statuses.total() - self.statuses["200"]

    def percentile(self, share: float) -> float:
        """Return a percentile of the latency in milliseconds."""
        return 1000 * float(np.percentile(self.latencies, share))


async def _client(url: str, bodies: list[bytes], load: Load, end: float, most: list[int]) -> None:
    """Send one request after the other until the time or the number of requests is over, or the server says so."""
    connector = aiohttp.TCPConnector(limit=1, keepalive_timeout=60)
    headers = {"Content-Type": "application/json"}
    async with aiohttp.ClientSession(connector=connector) as session:
        while time.perf_counter() < end and most[0] > 0:
            most[0] -= 1
            start = time.perf_counter()
            try:
                async with session.post(url, data=bodies[most[0] % len(bodies)], headers=headers) as answer:
                    await answer.read()
                    load.statuses[str(answer.status)] += 1
                    closing = answer.headers.get("Connection", "").lower() == "close"
                    if answer.status == 200:
                        load.latencies.append(time.perf_counter() - start)
            except (aiohttp.ClientError, OSError) as error:
                load.statuses[type(error).__name__] += 1
                await asyncio.sleep(0.05)
                continue
            if closing:
                load.closed += 1
                return


async def send(url: str, bodies: list[bytes], clients: int, seconds: float, requests: int = 10**9) -> Load:
    """Return the load that some clients made; requests that are on their way at the end are awaited and counted.

    Args:
        url: The address.
        bodies: JSON bodies, taken in turn.
        clients: Number of clients, each with one connection.
        seconds: Time at most.
        requests: Requests at most.
    """
    load, most = Load(), [requests]
    start = time.perf_counter()
    await asyncio.gather(*(_client(url, bodies, load, start + seconds, most) for _ in range(clients)))
    load.seconds = time.perf_counter() - start
    return load


def run(url: str, bodies: list[bytes], clients: int, seconds: float, requests: int = 10**9) -> Load:
    """Return the load of `send`, from outside of an event loop."""
    return asyncio.run(send(url, bodies, clients, seconds, requests))
