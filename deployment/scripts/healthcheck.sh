#!/usr/bin/env bash
# healthcheck.sh [--alert]
#
# Checks the whole platform and prints one row a check: ok, warn or fail, what was looked at, what was seen, and the mend.
# With --alert a change (something began to fail, or all is well again) is posted to the webhook of health.env.
# Exit codes: 0 nothing fails · 1 something fails · 2 wrong usage
set -Eeuo pipefail
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
cd / # runuser keeps the directory, which may be one that only root can enter

settings=/etc/milkbot/health.env
state_file=/var/lib/milkbot-health/failing
DOMAIN='' MILKBOT_ALERT_WEBHOOK=''
failing=()

row() { # state, check, seen, mend
    printf '%-5s %-28s %s%s\n' "$1" "$2" "$3" "${4:+  -> $4}"
    [[ $1 != fail ]] || failing+=("$2")
}

check_unit() {
    local state
    state=$(systemctl is-active "$1" || true)
    if [[ $state == active ]]; then row ok "$1" active; else
        row fail "$1" "$state" "journalctl -u $1 -n 50; systemctl start $1"
    fi
}

check_oneshot() {
    local result
    result=$(systemctl show --property=Result --value "$1")
    if [[ $result == success ]]; then row ok "$1" "last run: $result"; else
        row fail "$1" "last run: $result" "journalctl -u $1 -n 50"
    fi
}

check_url() { # name, url, unit that answers, curl's further arguments
    local code
    code=$(curl --silent --output /dev/null --max-time 10 --write-out '%{http_code}' "${@:4}" "$2" || true)
    if [[ $code == 200 ]]; then row ok "$1" "answers $code"; else
        row fail "$1" "answers $code" "systemctl status $3"
    fi
}

check_database() {
    if pg_isready --quiet --host=localhost --dbname=milkbot --username=milkbot; then row ok postgresql 'accepts connections'; else
        row fail postgresql 'accepts no connections' 'systemctl status postgresql'
    fi
    if [[ $(runuser -u postgres -- psql -XqAt --dbname=milkbot --command='SELECT 1' 2>/dev/null) == 1 ]]; then
        row ok 'database milkbot' 'answers a query'
    else
        row fail 'database milkbot' 'answers no query' 'runuser -u postgres -- psql milkbot'
    fi
}

check_journal() {
    local errors
    errors=$(journalctl --unit="$1" --lines=50 --priority=err --since=-1h --quiet --output=cat 2>/dev/null | wc -l)
    if ((errors == 0)); then row ok "log of $1" 'no errors within an hour'; else
        row warn "log of $1" "$errors errors within an hour" "journalctl -u $1 -p err -n 50"
    fi
}

check_disk() {
    local used
    used=$(df --output=pcent "$1" | tail -n 1 | tr -dc 0-9)
    if ((used >= 95)); then row fail "disk of $1" "$used % full" "find what grew: du -xh --max-depth=2 $1"
    elif ((used >= 85)); then row warn "disk of $1" "$used % full" "find what grew: du -xh --max-depth=2 $1"
    else row ok "disk of $1" "$used % full"; fi
}

check_backup() {
    local newest
    newest=$(find /var/backups/milkbot/daily -name 'milkbot_*.sql.gz' -mmin -1560 -print -quit 2>/dev/null)
    if [[ -n $newest ]]; then row ok 'daily backup' "$(basename "$newest")"; else
        row warn 'daily backup' 'none within 26 hours' '/opt/milkbot/deployment/scripts/backup-database.sh daily'
    fi
}

check_certificate() {
    local end file=/etc/ssl/certs/$DOMAIN.pem
    end=$(openssl x509 -noout -enddate -in "$file" | cut -d= -f2)
    if ! openssl x509 -noout -checkend 0 -in "$file" >/dev/null; then row fail certificate "expired $end" 'renew it, then site.yml --tags nginx'
    elif ! openssl x509 -noout -checkend $((14 * 86400)) -in "$file" >/dev/null; then row warn certificate "expires $end" 'renew it soon'
    else row ok certificate "valid until $end"; fi
}

check_everything() {
    local unit
    check_unit postgresql.service
    check_database
    for unit in milkbot-analytics.service milkbot-dashboard.service milkbot-trader.timer milkbot-rollups.timer nginx.service; do
        check_unit "$unit"
    done
    [[ ! -e /etc/systemd/system/milkbot-simulator.service ]] || check_unit milkbot-simulator.service
    check_oneshot milkbot-trader.service
    check_oneshot milkbot-rollups.service
    check_url 'analytics API' http://127.0.0.1:8000/v1/health milkbot-analytics.service
    check_url dashboard http://127.0.0.1:8501/_stcore/health milkbot-dashboard.service
    # The certificate may be one that only the proxy in front trusts; its own row judges it.
    check_url "https://$DOMAIN/" "https://$DOMAIN/" nginx.service --insecure --resolve "$DOMAIN:443:127.0.0.1"
    check_certificate
    for unit in milkbot-analytics milkbot-dashboard milkbot-trader; do check_journal "$unit"; done
    check_disk /
    check_disk /var/backups/milkbot
    check_backup
}

# Tells of a change only: a webhook that repeats itself every five minutes is soon muted.
alert() {
    local before='' now="${failing[*]}" text
    [[ ! -r $state_file ]] || before=$(<"$state_file")
    [[ $now != "$before" ]] || return 0
    text="$(hostname): ${now:+failing: $now}"
    [[ -n $now ]] || text="$(hostname): all is well again"
    if [[ -n $MILKBOT_ALERT_WEBHOOK ]]; then
        # The address may hold a token: it goes in by a file descriptor, not by the arguments that everybody can read.
        jq --null-input --arg text "$text" '{text: $text}' |
            curl --silent --show-error --fail --max-time 10 --output /dev/null --header 'Content-Type: application/json' \
                --data @- --config <(printf 'url = "%s"\n' "$MILKBOT_ALERT_WEBHOOK") || {
            echo 'healthcheck.sh: the webhook did not take the alert; it is tried again next time' >&2
            return 0
        }
    fi
    mkdir -p "$(dirname "$state_file")"
    printf '%s\n' "$now" >"$state_file"
}

case ${1:-} in
    '' | --alert) ;;
    *)
        echo "healthcheck.sh: '$1' is no option; give --alert or nothing" >&2
        exit 2
        ;;
esac
[[ $EUID -eq 0 ]] || { echo 'healthcheck.sh: run it as root (sudo /opt/milkbot/deployment/scripts/healthcheck.sh)' >&2; exit 2; }
# shellcheck source=/dev/null
[[ ! -r $settings ]] || source "$settings"

echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) $(hostname)"
check_everything
[[ ${1:-} != --alert ]] || alert
((${#failing[@]} == 0)) || { echo "fails: ${failing[*]}"; exit 1; }
