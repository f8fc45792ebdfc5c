"""Which rules of the firewall to add and to remove, so that no rule of the operator's is taken or widened."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Problem = dict[str, str]

# The comment of every rule that the role writes, with the service that it is for.
_MARK = "Milkbot "
# The role's rules before they were marked: for one port, from anywhere.
_EARLIER = ("ssh", "web")
_ANY = ("0.0.0.0/0", "::/0")
_LETS_IN = ("allow", "limit")


@dataclass(frozen=True)
class Rule:
    """One of ufw's tuples for what comes in. `ports` is `any`, a port, ranges and lists of them."""

    action: str
    proto: str
    ports: str
    to: str
    source: str
    interface: str
    comment: str

    @property
    def anywhere(self) -> bool:
        return self.source in _ANY

    @property
    def ours(self) -> str:
        """The service for which the role wrote it; empty for a rule of the operator's."""
        if self.comment.startswith(_MARK):
            return self.comment.removeprefix(_MARK)
        plain = self.proto == "tcp" and self.ports.isdigit() and self.anywhere and self.action == "allow"
        return self.comment if plain and self.comment in _EARLIER else ""

    def names(self, port: int) -> bool:
        """Whether it is a rule for that port of TCP, and not for all."""
        return self.ports != "any" and self.proto in ("any", "tcp") and _holds(self.ports, port)

    def matches(self, client: str, port: int) -> bool:
        """Whether a packet of TCP from there to that port meets this rule (at whatever interface and address)."""
        if self.proto not in ("any", "tcp") or not (self.ports == "any" or _holds(self.ports, port)):
            return False
        return _within(client, self.source)

    def command(self) -> str:
        """The rule as it is typed."""
        source = "any" if self.anywhere else self.source
        where = f" in on {self.interface}" if self.interface else ""
        port = "" if self.ports == "any" else f" port {self.ports}"
        proto = "" if self.proto == "any" else f" proto {self.proto}"
        return f"{self.action}{where} from {source} to {'any' if self.to in _ANY else self.to}{port}{proto}"


def _holds(ports: str, port: int) -> bool:
    for part in ports.split(","):
        first, _, last = part.partition(":")
        if int(first) <= port <= int(last or first):
            return True
    return False


def _network(source: str) -> str:
    """An address or network in one form: as ufw writes it, without the bits of the host."""
    found = ipaddress.ip_network(source, strict=False)
    return str(found.network_address) if found.num_addresses == 1 else str(found)


def _within(inner: str, outer: str) -> bool:
    inside, around = ipaddress.ip_network(inner), ipaddress.ip_network(outer)
    if isinstance(inside, ipaddress.IPv4Network) and isinstance(around, ipaddress.IPv4Network):
        return inside.subnet_of(around)
    if isinstance(inside, ipaddress.IPv6Network) and isinstance(around, ipaddress.IPv6Network):
        return inside.subnet_of(around)
    return False


def read(tuples: Iterable[str]) -> list[Rule]:
    """The rules for what comes in to this host, in the order in which they are met."""
    found = []
    for line in tuples:
        fields, _, comment = line.partition(" comment=")
        action, proto, ports, to, _, source, *apps = fields.split()
        direction, _, interface = apps[-1].partition("_")
        if direction != "in" or ":" in action:
            continue
        text = bytes.fromhex(comment.strip()).decode(errors="replace")
        found.append(Rule(action.partition("_")[0], proto, ports, to, _network(source), interface, text))
    return found


def _wanted(service: str, ports: Iterable[int], sources: Sequence[str], *, limit: bool) -> list[Rule]:
    action = "limit" if limit else "allow"
    return [
        Rule(action, "tcp", str(port), _ANY[0], source, "", _MARK + service)
        for port in ports
        for source in (sources or [_ANY[0]])
    ]


def _same(one: Rule, other: Rule) -> bool:
    sources = one.source == other.source or (one.anywhere and other.anywhere)
    whole = one.to in _ANY and not one.interface
    return whole and sources and one.ports == other.ports and one.proto in ("any", other.proto)


def _decided(rule: Rule, port: int, *, also_general: bool) -> bool:
    """Whether the operator has decided by it who comes to that port. Who is kept out by address decides nothing."""
    if rule.ours or not (rule.names(port) or (also_general and rule.ports == "any")):
        return False
    return rule.action in _LETS_IN or (rule.anywhere and rule.ports != "any")


def _wider(service: str, port: int, theirs: Iterable[Rule], sources: Sequence[str]) -> list[Problem]:
    """The operator's rules that let in more than the inventory wants: who narrows it has to remove them."""
    let_in = [rule for rule in theirs if rule.names(port) and rule.action in _LETS_IN]
    wider = [rule.command() for rule in let_in if not any(_within(rule.source, source) for source in sources)]
    return [
        {
            "name": f"ufw_{service}_from",
            "value": ", ".join(sources),
            "fix": f"a rule of this host lets more in to port {port}: `ufw delete {command}`, or add its source",
        }
        for command in dict.fromkeys(wider)
    ]


def _service(
    rules: Sequence[Rule], service: str, ports: Sequence[int], sources: Sequence[str], *, limit: bool
) -> tuple[list[Rule], list[Rule], list[Problem]]:
    """What to add, what to remove, and what the operator has to decide."""
    problems: list[Problem] = []
    wanted = _wanted(service, ports, sources, limit=limit)
    kept = list(wanted)
    for port in ports:
        theirs = [rule for rule in rules if _decided(rule, port, also_general=service == "ssh")]
        if theirs and not sources:
            wanted = [rule for rule in wanted if rule.ports != str(port)]
        elif theirs:
            problems += _wider(service, port, theirs, sources)
    # An existing limit satisfies what only asks to be let in: it is never widened.
    add = [
        rule
        for rule in wanted
        if not any(_same(there, rule) and there.action in (rule.action, "limit") for there in rules)
    ]
    remove = [rule for rule in rules if rule.ours == service and not any(_same(rule, there) for there in kept)]
    return add, remove, problems


def _locked_out(rules: Sequence[Rule], client: str, port: int, ports: Sequence[int]) -> list[Problem]:
    """Whether this very connection could not be made again."""
    if not client or ipaddress.ip_address(client).is_loopback:
        return []
    met = next((rule for rule in rules if rule.matches(client, port)), None)
    if met is not None and met.action in _LETS_IN:
        return []
    if port not in ports:
        fix = f"sshd of this host answers Ansible on port {port}: add it, or the firewall locks you out"
        return [{"name": "ufw_ssh_ports", "value": ", ".join(map(str, ports)), "fix": fix}]
    why = f"the rule `ufw {met.command()}`" if met else "the firewall's default"
    fix = f"this connection comes from {client}, which {why} keeps out of port {port}: add {client} to it"
    return [{"name": "ufw_ssh_from", "value": "does not let this connection in", "fix": fix}]


def _arguments(rule: Rule) -> dict[str, str]:
    return {
        "rule": rule.action,
        "port": rule.ports,
        "proto": rule.proto,
        "from_ip": "any" if rule.anywhere else rule.source,
        "comment": rule.comment,
    }


def plan(state: Mapping[str, Any], ssh: Mapping[str, Any], web: Mapping[str, Any]) -> dict[str, list[dict[str, str]]]:
    """`add`, `remove` and `problems`. `ssh` and `web` hold `ports`, `sources` (empty: anywhere) and `limit`.

    Where the operator has rules for a port, and the inventory names no source, they stay the only ones.
    """
    rules = read(state["rules"])
    add: list[Rule] = []
    remove: list[Rule] = []
    problems: list[Problem] = []
    for service, asked in (("ssh", ssh), ("web", web)):
        ports = [int(port) for port in asked["ports"]]
        try:
            sources = [_network(str(source)) for source in asked["sources"]]
        except ValueError as error:
            fix = "give addresses or networks: 203.0.113.7, 203.0.113.0/24, 2001:db8::/32"
            problems.append({"name": f"ufw_{service}_from", "value": str(error), "fix": fix})
            continue
        found = _service(rules, service, ports, sources, limit=bool(asked.get("limit")))
        add, remove, problems = add + found[0], remove + found[1], problems + found[2]
    after = [rule for rule in rules if rule not in remove and not any(_same(rule, new) for new in add)] + add
    after += [Rule(r.action, r.proto, r.ports, _ANY[1], _ANY[1], "", r.comment) for r in add if r.anywhere]
    problems += _locked_out(after, str(state["client"]), int(state["port"]), [int(port) for port in ssh["ports"]])
    once = {tuple(_arguments(rule).items()): _arguments(rule) for rule in remove}
    return {"add": [_arguments(rule) for rule in add], "remove": list(once.values()), "problems": problems}


class FilterModule:
    """What Ansible imports."""

    def filters(self) -> dict[str, Any]:
        return {"ufw_plan": plan}
