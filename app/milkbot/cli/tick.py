"""`milkbot tick`: one pass of the trading loop."""

from __future__ import annotations

from milkbot.cli.context import open_database, settings_of_host
from milkbot.textfile import recorded_run
from milkbot.trader.clients import open_trading_loop


def tick() -> None:
    """Run one tick: reconcile, observe, decide, send. The systemd timer calls this.

    Exit codes: 0 done, 69 the exchange does not answer, 71 no database, 75 another tick is running, 77 live is not
    armed, 78 the configuration is wrong. In each case but 0 no order was sent after the failure.
    """
    settings = settings_of_host("trader")
    with (
        recorded_run(settings.milkbot_metrics_directory, "trader"),
        open_database(settings, "tick") as engine,
        open_trading_loop(settings, engine) as loop,
    ):
        report = loop.run_once()
    print(report.line())
