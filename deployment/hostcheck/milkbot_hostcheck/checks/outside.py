"""What the trader needs of the world: whether this host reaches the exchange and the weather service."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from milkbot_hostcheck.asking import ask
from milkbot_hostcheck.host import Host
from milkbot_hostcheck.row import Row, ok, plain, warn

EXCHANGE, WEATHER = "exchange", "weather service"


def exchange(host: Host) -> Iterator[Row]:
    """Before the first tick too: a trader that has not run yet cannot say that it would get no answer."""
    if host.settings.exchange_url:
        yield _reached(host, EXCHANGE, f"{host.settings.exchange_url.rstrip('/')}/exchange/status")


def weather(host: Host) -> Iterator[Row]:
    if host.settings.weather_url:
        yield _reached(host, WEATHER, host.settings.weather_url)


def _reached(host: Host, name: str, url: str) -> Row:
    """By curl, which keeps to its time while it resolves a name, too. An answer that refuses us is one."""
    limit = f"answers within {host.seconds:g} s"
    there = urlsplit(url).hostname or url
    command = ["curl", "--silent", "--show-error", "--max-time", f"{host.seconds:g}", "--output", "/dev/null"]
    command += ["--user-agent", "milkbot-health", "--write-out", "%{http_code}", url]
    answer = ask(command, host.seconds + 1)
    code = answer.output.strip()
    remedy = f"no tick trades without it: curl -sSI {url}; getent hosts {there}; if others reach it: DNS, the firewall"
    if answer.code != 0:
        return warn(name, plain(f"{there} is not reached: {answer.why()}"), remedy, limit)
    if not code.isdigit() or int(code) >= 500:
        return warn(name, f"{there} answers {plain(code)}", f"wait, or see its status page; {remedy}", limit)
    return ok(name, f"{there} answers {code}", limit)
