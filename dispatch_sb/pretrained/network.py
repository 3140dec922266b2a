"""Whether a server can be reached at all, answered within about a second:
``huggingface_hub`` itself retries for half a minute.

Authors
 * The dispatch-sb contributors, 2026
"""

import os
import queue
import socket
import urllib.request
from threading import Thread
from urllib.parse import urlsplit

PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}


def is_reachable(url: str, timeout: float | None = None) -> bool:
    """Tries to connect to a server, or to the proxy that is set for it.

    Arguments
    ---------
    url : str
        Such as ``https://huggingface.co``.
    timeout : float, optional
        In seconds, for name look-up and connection together. By default
        ``HF_HUB_ETAG_TIMEOUT`` where that is set (raise it on a slow network),
        else 1.

    Returns
    -------
    bool
        Whether something accepted the connection.

    Example
    -------
    >>> is_reachable("http://127.0.0.1:1")
    False
    """
    if timeout is None:
        timeout = float(os.environ.get("HF_HUB_ETAG_TIMEOUT") or 1)
    outcome: queue.SimpleQueue = queue.SimpleQueue()
    # A name look-up cannot be given a time limit: leave it behind in a thread.
    _start(_connect_any, _address(url), timeout, outcome)
    try:
        return outcome.get(timeout=timeout)
    except queue.Empty:
        return False


def _address(url: str) -> tuple[str, int]:
    """Host and port to connect to for a URL: the proxy's, if there is one."""
    parts = urlsplit(url)
    proxies = urllib.request.getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if proxy and not urllib.request.proxy_bypass(parts.hostname):
        parts = urlsplit(proxy if "//" in proxy else f"http://{proxy}")
    return parts.hostname, parts.port or PORTS.get(parts.scheme, 443)


def _connect_any(address, timeout: float, outcome: queue.SimpleQueue) -> None:
    """Puts True once one of a host's addresses accepts, else False."""
    try:
        found = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)
    except OSError:
        found = []
    # All at once: behind a broken IPv6, the first address only costs time.
    threads = [
        _start(_connect, information[4][:2], timeout, outcome)
        for information in found
    ]
    for thread in threads:
        thread.join()
    outcome.put(False)


def _connect(address, timeout: float, outcome: queue.SimpleQueue) -> None:
    """Puts True if one address accepts a connection."""
    try:
        socket.create_connection(address, timeout=timeout).close()
    except OSError:
        return
    outcome.put(True)


def _start(target, *arguments) -> Thread:
    """Runs a function in a thread that does not keep Python alive."""
    thread = Thread(target=target, args=arguments, daemon=True)
    thread.start()
    return thread
