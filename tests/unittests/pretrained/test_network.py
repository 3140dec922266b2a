"""Whether a server can be reached is known within the time limit.

Authors
 * The dispatch-sb contributors, 2026
"""

import socket
import time

import pytest

from dispatch_sb.pretrained.network import is_reachable


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.delenv("HF_HUB_ETAG_TIMEOUT", raising=False)


@pytest.fixture
def listening():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def refused():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    return port


def seconds(function) -> float:
    """How long a call takes."""
    start = time.monotonic()
    function()
    return time.monotonic() - start


def test_a_listening_server_is_reachable(listening):
    assert is_reachable(f"http://127.0.0.1:{listening}")


def test_a_refusal_is_known_at_once(refused):
    url = f"https://127.0.0.1:{refused}/models"
    assert not is_reachable(url)
    assert seconds(lambda: is_reachable(url, timeout=30)) < 5


def test_a_name_look_up_that_hangs_is_given_up(monkeypatch):
    def hang(*arguments, **options):
        time.sleep(3)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    assert seconds(lambda: is_reachable("https://huggingface.co")) < 2
    assert not is_reachable("https://huggingface.co", timeout=0.05)


def test_an_unknown_name_is_not_reachable(monkeypatch):
    def fail(*arguments, **options):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    assert not is_reachable("https://huggingface.co")


def test_one_address_that_answers_is_enough(monkeypatch, listening, refused):
    lookup = socket.getaddrinfo
    found = lookup("127.0.0.1", refused, type=socket.SOCK_STREAM)
    found += lookup("127.0.0.1", listening, type=socket.SOCK_STREAM)
    names = {"both.example": found}
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *a, **k: names.get(host) or lookup(host, *a, **k),
    )
    assert is_reachable("https://both.example")


def test_behind_a_proxy_the_proxy_is_asked(monkeypatch, listening, refused):
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{listening}")
    assert is_reachable("https://name.that.only.the.proxy.knows.invalid")
    monkeypatch.setenv("https_proxy", f"127.0.0.1:{refused}")
    assert not is_reachable("https://name.that.only.the.proxy.knows.invalid")


def test_the_time_limit_can_be_raised_for_a_slow_network(monkeypatch):
    def slow(*arguments, **options):
        time.sleep(0.8)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    monkeypatch.setenv("HF_HUB_ETAG_TIMEOUT", "0.1")
    assert seconds(lambda: is_reachable("https://huggingface.co")) < 0.7
    monkeypatch.setenv("HF_HUB_ETAG_TIMEOUT", "10")
    assert seconds(lambda: is_reachable("https://huggingface.co")) > 0.7
