#!/usr/bin/env bash
# The runbook's own commands, sections 2 to 6, typed in on a fresh machine: what site.yml is measured against.
# Its directory holds what the runbook takes for granted: the release (milkbot.tar), the configuration files (files/), and the
# domain and the password (given). Where a command of the runbook no longer exists, its nearest one stands.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=/dev/null
source "$here/given"
export DEBIAN_FRONTEND=noninteractive

step() { printf '%s %s\n' "$(date +%s.%N)" "$1" >>"$here/steps"; }

step '2.1 packages'
apt update && apt upgrade -y
apt install -y python3.11 python3.11-venv python3.11-dev postgresql-15 postgresql-contrib nginx git curl jq logrotate htop \
    unzip ufw cron
python3.11 --version

step '2.2 user'
useradd --system --create-home --home-dir /opt/milkbot --shell /usr/sbin/nologin milkbot
for user in milkbot-owner milkbot-rollups milkbot-analytics milkbot-dashboard; do useradd --system --shell /usr/sbin/nologin "$user"; done
mkdir -p /opt/milkbot/{data,logs} /var/log/milkbot /var/backups/milkbot/{daily,weekly,monthly} /etc/milkbot
touch /var/log/milkbot/{trader,rollups,analytics,dashboard}.log
chown -R milkbot:milkbot /opt/milkbot /var/log/milkbot /var/backups/milkbot
chown milkbot-rollups /var/log/milkbot/rollups.log
chown milkbot-analytics /var/log/milkbot/analytics.log
chown milkbot-dashboard /var/log/milkbot/dashboard.log

step '2.3 postgres'
systemctl enable postgresql
systemctl start postgresql
cd /
cp "$here"/files/pg_*.conf /etc/postgresql/15/main/
systemctl reload postgresql
runuser -u postgres -- psql <<SQL
CREATE USER milkbot WITH PASSWORD '$POSTGRES_PASSWORD';
CREATE ROLE milkbot_trader LOGIN;
CREATE ROLE milkbot_rollups LOGIN;
CREATE ROLE milkbot_api LOGIN;
CREATE DATABASE milkbot OWNER milkbot TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8';
GRANT ALL PRIVILEGES ON DATABASE milkbot TO milkbot;
\c milkbot
CREATE SCHEMA IF NOT EXISTS ops;
CREATE SCHEMA IF NOT EXISTS analytics;
ALTER SCHEMA ops OWNER TO milkbot;
ALTER SCHEMA analytics OWNER TO milkbot;
SQL
PGPASSWORD=$POSTGRES_PASSWORD psql -U milkbot -d milkbot -h localhost -c 'SELECT version();'

step '2.4 firewall'
ufw default deny incoming
ufw default allow outgoing
ufw allow ssh
ufw allow http
ufw allow https
ufw --force enable
ufw status

step '3.1 code'
tar -xf "$here/milkbot.tar" -C /opt/milkbot
chown -R milkbot:milkbot /opt/milkbot
ln -sfn /opt/milkbot /opt/milkbot/current

step '3.2 virtual environment'
cd /opt/milkbot
python3.11 -m venv venv
venv/bin/pip install --upgrade pip
venv/bin/pip install -e .
venv/bin/python -c "from milkbot.trader.trading_loop import TradingLoop; print('OK')"

step '3.3 environment'
cp "$here/files/env" /opt/milkbot/.env
cp "$here"/files/*.env /etc/milkbot/
chmod 600 /opt/milkbot/.env
chown milkbot-owner: /opt/milkbot/.env

step '4 database'
runuser -u milkbot-owner -- venv/bin/milkbot db upgrade
runuser -u milkbot-owner -- psql -U milkbot -d milkbot -c '\dn' -c '\dt ops.*' -c '\dv analytics.*'

step '5.1 systemd'
cp "$here"/files/*.{service,socket,timer} /etc/systemd/system/
systemctl daemon-reload
systemctl enable milkbot-analytics.socket milkbot-analytics.service milkbot-dashboard.socket milkbot-dashboard.service
systemctl enable milkbot-trader.timer milkbot-rollups.timer

step '5.2 nginx'
cp "$here/files/milkbot.conf" /etc/nginx/sites-available/
ln -sf /etc/nginx/sites-available/milkbot.conf /etc/nginx/sites-enabled/
rm -f /etc/nginx/sites-enabled/default
cp "$here/files/certificate.pem" "/etc/ssl/certs/$DOMAIN.pem"
cp "$here/files/private.key" "/etc/ssl/private/$DOMAIN.key"
chmod 600 "/etc/ssl/private/$DOMAIN.key"
nginx -t
systemctl reload nginx

step '5.3 logrotate'
cp "$here/files/logrotate" /etc/logrotate.d/milkbot
logrotate -d /etc/logrotate.d/milkbot

step '5.4 cron'
crontab "$here/files/crontab"

step '6.1 start'
systemctl start milkbot-analytics.service
sleep 5
curl -s http://127.0.0.1:8000/v1/health | jq .
systemctl start milkbot-dashboard.service
sleep 10
curl -s http://127.0.0.1:8501/_stcore/health
systemctl start milkbot-trader.timer
systemctl start milkbot-rollups.timer
systemctl status --no-pager 'milkbot-*.service' 'milkbot-*.timer' || true
curl -skI --resolve "$DOMAIN:443:127.0.0.1" "https://$DOMAIN/health"
step 'end'
