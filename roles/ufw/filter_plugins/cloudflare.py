"""Filter: the networks of Cloudflare, out of what its API answered."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Sequence

from ansible.errors import AnsibleFilterError

# A list of other sizes, or with wider networks, is not what Cloudflare has published in ten years.
_COUNTS = {4: range(5, 101), 6: range(3, 51)}
_WIDEST = {4: 11, 6: 24}


def cloudflare_networks(answer: str, known: Sequence[str]) -> list[str]:
    """The networks that the answer names, IPv4 first.

    Raises AnsibleFilterError for one that would let in more than Cloudflare, or lacks most of the `known` networks.
    """
    try:
        result = json.loads(answer)["result"]
        texts = [*result["ipv4_cidrs"], *result["ipv6_cidrs"]]
        networks = [ipaddress.ip_network(text) for text in texts]
    except (ValueError, KeyError, TypeError) as error:
        raise _refused(f"it is not a list of networks ({type(error).__name__}: {error})") from None
    for version, counts in _COUNTS.items():
        found = [network for network in networks if network.version == version]
        if len(found) not in counts:
            raise _refused(f"it has {len(found)} networks of IPv{version}")
        for network in found:
            if network.prefixlen < _WIDEST[version] or not network.is_global:
                raise _refused(f"{network} is no network of one company on the internet")
    missing = [text for text in known if ipaddress.ip_network(text) not in networks]
    if 2 * len(missing) > len(known):
        raise _refused(f"{len(missing)} of the {len(known)} networks that are known are not in it")
    return [str(network) for network in networks]


def _refused(why: str) -> AnsibleFilterError:
    return AnsibleFilterError(
        f"Nothing was written. The answer of ufw_cloudflare_url is not Cloudflare's list: {why}. Compare "
        "https://www.cloudflare.com/ips/; write milkbot_cloudflare_networks into the inventory if it is right"
    )


class FilterModule:
    """What Ansible imports."""

    def filters(self) -> dict[str, object]:
        return {"cloudflare_networks": cloudflare_networks}
