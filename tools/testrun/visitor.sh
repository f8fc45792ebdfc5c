#!/bin/bash
# Runs a command on a network of its own that reaches the machines, as a visitor's computer does.
#
# On the host's network addresses come and go with every machine that another part of the tests boots, and at each one
# Chromium drops what it is loading (ERR_NETWORK_CHANGED).
set -euo pipefail

address=$MILKBOT_E2E_ADDRESS
read -r bridge gateway < <(ip -json -4 route get "$address" | jq --raw-output '.[0] | "\(.dev) \(.prefsrc)"')
prefix=$(ip -json -4 address show dev "$bridge" | jq '.[0].addr_info[0].prefixlen')
# The machines' addresses begin at 10 (tools/localvps/machine.py).
own=${gateway%.*}.$((${gateway##*.} + 1))
name=visitor-$$

ip netns add "$name"
trap 'ip netns delete "$name"' EXIT
ip link add "vi-$$" type veth peer name eth0 netns "$name"
ip link set "vi-$$" master "$bridge" up
# No address that the kernel makes up by itself, some seconds later.
ip netns exec "$name" sh -c "echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6"
ip -n "$name" link set lo up
ip -n "$name" address add "$own/$prefix" dev eth0
ip -n "$name" link set eth0 up
ip -n "$name" route add default via "$gateway"
ip netns exec "$name" "$@"
