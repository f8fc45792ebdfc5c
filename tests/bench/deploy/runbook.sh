#!/usr/bin/env bash
# runbook.sh prepare|update|rollback ARCHIVE
#
# The runbook's own commands of 9.1 (update) and 8.1 (rollback), typed in on a machine that is provisioned already. The
# archive stands for git pull and git checkout. `prepare` makes what they begin from: code and an environment in one place.
# Where a command of the runbook no longer exists, its nearest one stands.
set -euo pipefail
archive=$2
home=/opt/milkbot/runbook

new_code() { tar -xf "$archive" -C "$home"; }

install_dependencies() { (cd "$home" && venv/bin/pip install -e .); }

# Its verdict is not measured: code that is in no release fails there.
health_check() { /opt/milkbot/deployment/scripts/healthcheck.sh || (($? <= 2)); }

case $1 in
prepare)
    mkdir -p "$home"
    new_code
    python3.11 -m venv "$home/venv"
    install_dependencies
    ln -sfn runbook /opt/milkbot/current.bench
    mv -T /opt/milkbot/current.bench /opt/milkbot/current
    systemctl restart milkbot-analytics.service milkbot-dashboard.service
    ;;
update)
    /opt/milkbot/deployment/scripts/backup-database.sh daily
    new_code
    install_dependencies
    ls "$home/app/migrations/versions"
    systemctl restart milkbot-analytics.service
    sleep 5
    systemctl restart milkbot-dashboard.service
    sleep 5
    systemctl restart milkbot-trader.service
    health_check
    ;;
rollback)
    # The runbook's services listen themselves. Ours would be started again by the next request if their sockets stayed.
    systemctl stop milkbot-trader.timer
    systemctl stop milkbot-dashboard.socket milkbot-dashboard.service
    systemctl stop milkbot-analytics.socket milkbot-analytics.service
    new_code
    install_dependencies
    systemctl start milkbot-analytics.socket milkbot-analytics.service
    systemctl start milkbot-dashboard.socket milkbot-dashboard.service
    systemctl start milkbot-trader.timer
    health_check
    ;;
esac
