# shellcheck shell=bash
# Sourced by bin/*: makes a machine that has a shell and apt able to run them. Says what it does and
# does it once; everything but .venv is kept outside of the tree.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/milkbot
# The distribution's python3 runs everything: never a download, never another one found in PATH.
export UV_PYTHON_DOWNLOADS=never UV_PYTHON_PREFERENCE=only-system
export UV_PROJECT_ENVIRONMENT=$root/.venv

# What the local VPS and Ansible need.
# shellcheck disable=SC2034 # used by the scripts that source this file
vps_packages=(
    ca-certificates debian-archive-keyring git iproute2 kmod mmdebstrap nftables openssh-client openssl
    python3 python3-venv systemd-container
)

# What a machine with a kernel of its own needs beyond that: bin/test installs it for `--all` and the part `kernel` alone.
# shellcheck disable=SC2034 # used by bin/test
kernel_packages=(e2fsprogs qemu-system-x86)

# What the tests need beyond that; libatomic1 for Playwright's node. tests/testrun holds both lists to what is started.
# shellcheck disable=SC2034 # used by bin/test
test_packages=(age chromium curl gnupg jq libatomic1 nmap pigz postgresql rclone shellcheck shfmt testssl.sh)

note() { echo "milkbot: $*" >&2; }

die() {
    echo "milkbot: error: $*" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo -- "$@"
    else
        die "needs root for \`$1\`, and sudo is not installed: run it as root"
    fi
}

# need_packages PACKAGE...: install what is missing of them.
need_packages() {
    local installed package missing=()
    command -v dpkg-query >/dev/null || die "needs Debian or Ubuntu (this machine has no dpkg)"
    # It exits non-zero when one package is unknown, which is what matters here.
    installed=$(dpkg-query --show --showformat '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null || true)
    for package in "$@"; do
        grep -qxF "installed $package" <<<"$installed" || missing+=("$package")
    done
    [ "${#missing[@]}" -gt 0 ] || return 0
    note "installing ${missing[*]}"
    local options=(-qq -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0) output
    output=$(as_root apt-get "${options[@]}" update 2>&1) ||
        die "apt-get update failed: ${output}"
    output=$(as_root env DEBIAN_FRONTEND=noninteractive apt-get "${options[@]}" --yes install \
        --no-install-recommends "${missing[@]}" 2>&1) ||
        die "apt-get install ${missing[*]} failed: ${output}"
}

# need_promtool: have Prometheus' own checker in PATH, out of the distribution's package. That is unpacked and not
# installed: its server would start, and listen to the world.
need_promtool() {
    local version directory
    version=$(apt-cache policy prometheus 2>/dev/null | sed -n 's/^  Candidate: //p')
    if [ -z "$version" ] || [ "$version" = "(none)" ]; then
        as_root apt-get -qq -o DPkg::Lock::Timeout=120 update || die "apt-get update failed"
        version=$(apt-cache policy prometheus | sed -n 's/^  Candidate: //p')
    fi
    directory=$cache/prometheus-${version//[^0-9A-Za-z.]/-}
    if [ ! -x "$directory/usr/bin/promtool" ]; then
        note "unpacking prometheus $version into $directory"
        rm -rf -- "$directory" "$directory.new"
        mkdir -p -- "$directory.new"
        (cd "$directory.new" && apt-get -qq download "prometheus=$version" 2>/dev/null) ||
            die "apt-get download prometheus=$version failed"
        dpkg-deb --extract "$directory.new"/prometheus_*.deb "$directory.new"
        rm -f -- "$directory.new"/prometheus_*.deb
        mv -- "$directory.new" "$directory"
    fi
    export PATH=$directory/usr/bin:$PATH
}

# need_uv: set $uv to the pinned uv, installed with its hash checked into a directory named after it.
need_uv() {
    local python=/usr/bin/python3 digest directory
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        die "$("$python" --version) is too old: run this on Debian 12 or later, or Ubuntu 24.04 or later"
    digest=$(cat "$root/requirements/uv.txt" "$(readlink -f "$python")" | sha256sum | cut -c1-12)
    directory=$cache/uv-$digest
    uv=$directory/bin/uv
    [ -x "$uv" ] && return 0
    mkdir -p -- "$cache"
    # Two commands of a new machine may come here at once.
    (
        set -e
        flock 9
        [ ! -x "$uv" ] || exit 0
        note "installing uv into $directory"
        rm -rf -- "$directory" "$directory.new"
        "$python" -m venv "$directory.new"
        "$directory.new/bin/python" -m pip --quiet --disable-pip-version-check install \
            --require-hashes --only-binary=:all: --requirement "$root/requirements/uv.txt"
        mv -- "$directory.new" "$directory"
    ) 9>"$cache/uv.lock"
}

# need_environment UV_SYNC_OPTION...: bring .venv to the lock file. What other commands put there
# remains, so that bin/up and bin/test do not undo each other's work.
need_environment() {
    need_uv
    [ -d "$root/.venv" ] || note "installing the Python environment into .venv"
    "$uv" sync --quiet --project "$root" --frozen --inexact "$@"
    export PATH=$root/.venv/bin:$PATH
}
