"""The configuration: every variable, its bounds and its default, read from the environment and an optional file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationInfo, model_validator

from milkbot.db.session import DatabaseAddress
from milkbot.domain.cities import all_series
from milkbot.domain.forecasters import installed
from milkbot.domain.modes import Exchange, TradingMode, exchange_of, mode_fits

# How the text of a key begins, whatever its kind.
PEM_MARK = "-----BEGIN"

# Money is at stake: what cities.toml knows besides is traded only where the operator names it.
TRADED_SERIES = ("KXHIGHNY", "KXHIGHCHI", "KXHIGHMIA", "KXHIGHLAX", "KXHIGHAUS", "KXHIGHDEN", "KXHIGHPHIL")

Percent = Annotated[Decimal, Field(gt=0, le=100)]
Fraction = Annotated[Decimal, Field(gt=0, le=1)]


def _split(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _empty_is_unset(value: object) -> object:
    return None if value == "" else value


def _is_a_path(value: object) -> object:
    if isinstance(value, str) and PEM_MARK in value:
        raise ValueError("it holds a key itself; store the key in a file of mode 0600, and give that file's path")
    return _empty_is_unset(value)


OptionalText = Annotated[str | None, BeforeValidator(_empty_is_unset)]
OptionalSecret = Annotated[SecretStr | None, BeforeValidator(_empty_is_unset)]
OptionalPath = Annotated[Path | None, BeforeValidator(_is_a_path)]


class Settings(BaseModel):
    """All of it, validated as a whole. Names are those of the runbook, in lower case."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    trading_mode: TradingMode = TradingMode.SHADOW

    postgres_host: str = "localhost"
    postgres_port: Annotated[int, Field(ge=1, le=65535)] = 5432
    postgres_db: str = "milkbot"
    postgres_user: str = "milkbot"
    postgres_password: OptionalSecret = None

    kalshi_api_base: str = "https://demo-api.kalshi.co/trade-api/v2"
    kalshi_api_key_id: OptionalText = None
    kalshi_private_key_path: OptionalPath = None
    kalshi_email: OptionalText = None
    kalshi_password: OptionalSecret = None

    nws_api_base: str = "https://api.weather.gov"
    nws_user_agent: str = "milkbot (operator contact not set)"
    weather_cache_min: Annotated[int, Field(ge=0, le=60)] = 5

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["json", "console"] = "json"
    log_file: OptionalPath = None
    milkbot_metrics_directory: OptionalPath = None
    milkbot_cache_directory: OptionalPath = None

    analytics_host: str = "127.0.0.1"
    analytics_port: Annotated[int, Field(ge=1, le=65535)] = 8000
    analytics_api_url: str = "http://127.0.0.1:8000"
    dashboard_host: str = "127.0.0.1"
    dashboard_port: Annotated[int, Field(ge=1, le=65535)] = 8501
    dash_refresh_sec: Annotated[int, Field(ge=1, le=3600)] = 30
    site_url: OptionalText = None
    source_url: OptionalText = None
    public_trade_delay_min: Literal[60] = 60

    trading_series: Annotated[tuple[str, ...], BeforeValidator(_split), Field(min_length=1)] = TRADED_SERIES
    bankroll: Annotated[Decimal, Field(gt=0)] = Decimal("992.10")
    kelly_fraction: Fraction = Decimal("0.25")
    size_by_evidence: bool = True
    size_floor_contracts: Annotated[int, Field(ge=1)] = 1
    min_edge_after_costs: Annotated[Decimal, Field(ge=0, lt=1)] = Decimal("0.10")
    exit_margin: Annotated[Decimal, Field(ge=0, lt=1)] = Decimal("0.01")
    min_price: Annotated[Decimal, Field(ge=0, lt=1)] = Decimal("0.10")
    max_model_market_gap: Annotated[Decimal, Field(gt=0, le=1)] = Decimal("0.35")
    spread_max_cents: Annotated[int, Field(ge=1, le=99)] = 4
    max_position_size: Annotated[int, Field(ge=1)] = 200
    max_trade_risk_pct: Percent = Decimal(2)
    max_event_risk_pct: Percent = Decimal(3)
    max_city_exposure_pct: Percent = Decimal(3)
    max_cluster_exposure_pct: Percent = Decimal(5)
    max_open_risk_pct: Percent = Decimal(10)
    max_daily_loss_pct: Percent = Decimal(5)
    unknown_deadline_min: Annotated[int, Field(ge=1, le=1440)] = 10
    order_style: Literal["immediate", "resting"] = "immediate"
    forecaster: Annotated[str, Field(min_length=1)] = "anchored"
    forecaster_shadow: Annotated[tuple[str, ...], BeforeValidator(_split)] = ()
    quote_expiry_sec: Annotated[int, Field(ge=60, le=86_400)] = 900
    quote_max_age_sec: Annotated[int, Field(ge=1, le=86_400)] = 600
    quote_close_guard_min: Annotated[int, Field(ge=1, le=1440)] = 30
    quote_pause_guard_min: Annotated[int, Field(ge=1, le=1440)] = 15
    quote_max_forecast_move_f: Annotated[float, Field(gt=0, le=50)] = 1.0
    quote_max_drift_cents: Annotated[int, Field(ge=1, le=99)] = 2
    quote_max_chase_cents: Annotated[int, Field(ge=0, le=99)] = 3
    max_weekly_loss_pct: Percent = Decimal(12)
    max_monthly_loss_pct: Percent = Decimal(20)
    min_liquidity_multiple: Annotated[Decimal, Field(ge=0, le=1000)] = Decimal(5)
    max_orders_per_hour: Annotated[int, Field(ge=1, le=10_000)] = 120
    max_rejects: Annotated[int, Field(ge=1, le=1000)] = 5
    max_unfinished_ticks: Annotated[int, Field(ge=1, le=1000)] = 5
    max_blind_ticks: Annotated[int, Field(ge=1, le=100)] = 3
    max_clock_skew_sec: Annotated[int, Field(ge=1, le=60)] = 5
    order_group_contracts: Annotated[int, Field(ge=0, le=1_000_000)] = 1000
    kill_file: Path = Path("/opt/milkbot/data/HALT")
    max_snapshot_age_sec: Annotated[int, Field(ge=1, le=3600)] = 120
    max_forecast_age_hours: Annotated[int, Field(ge=1, le=72)] = 18

    openrouter_api_key: OptionalSecret = None

    @model_validator(mode="after")
    def _fits_together(self, info: ValidationInfo) -> Settings:
        apart = isinstance(info.context, dict) and info.context.get("apart")
        if not apart and (problems := [sentence for _, sentence in self.problems_between()]):
            raise ValueError("\n".join(problems))
        return self

    def problems_between(self) -> Iterator[tuple[frozenset[str], str]]:
        """What does not fit together, with the fields that cannot be used because of it.

        Validation refuses it, unless its context says `apart`.
        """
        yield from self._exchange_problems()
        yield from self._series_problems()
        yield from self._key_problems()
        yield from self._forecaster_problems()

    def _exchange_problems(self) -> Iterator[tuple[frozenset[str], str]]:
        try:
            exchange = exchange_of(self.kalshi_api_base)
        except ValueError as error:
            yield frozenset({"kalshi_api_base"}), f"KALSHI_API_BASE is {error}"
            return
        if not mode_fits(self.trading_mode, exchange):
            wanted = "a production host" if self.trading_mode is TradingMode.LIVE else "a demo host or the simulator"
            yield (
                frozenset(),
                (
                    f"TRADING_MODE={self.trading_mode} does not fit KALSHI_API_BASE={self.kalshi_api_base}, which is "
                    f"the {exchange} exchange; use {wanted}, or another mode"
                ),
            )

    def _series_problems(self) -> Iterator[tuple[frozenset[str], str]]:
        known = {series.ticker for series in all_series()}
        unknown = [series for series in self.trading_series if series not in known]
        if unknown:
            yield (
                frozenset({"trading_series"}),
                (
                    f"TRADING_SERIES holds {', '.join(unknown)}, which cities.toml does not know; "
                    f"use some of {', '.join(sorted(known))}"
                ),
            )

    def _key_problems(self) -> Iterator[tuple[frozenset[str], str]]:
        if self.trading_mode is TradingMode.SHADOW:
            return
        for name in ("kalshi_api_key_id", "kalshi_private_key_path"):
            if getattr(self, name) is None:
                yield (
                    frozenset({name}),
                    f"{name.upper()} is not set, but TRADING_MODE={self.trading_mode} sends orders; set it",
                )

    def _forecaster_problems(self) -> Iterator[tuple[frozenset[str], str]]:
        given = [name for name in ("forecaster", "forecaster_shadow") if name in self.model_fields_set]
        if not given:
            # The defaults are of this package, and looking takes time that every tick pays for.
            return
        try:
            known = installed()
        except ValueError as error:
            yield frozenset(given), str(error)
            return
        for name in given:
            value = getattr(self, name)
            unknown = [one for one in ((value,) if isinstance(value, str) else value) if one not in known]
            if unknown:
                yield (
                    frozenset({name}),
                    (
                        f"{name.upper()} holds {', '.join(unknown)}, which no installed package has; "
                        f"use some of {', '.join(known)}, or install its package first"
                    ),
                )
        if self.forecaster in self.forecaster_shadow:
            yield (
                frozenset({"forecaster_shadow"}),
                f"FORECASTER_SHADOW holds {self.forecaster}, which is FORECASTER already; take it out of one of them",
            )
        if len(set(self.forecaster_shadow)) < len(self.forecaster_shadow):
            yield frozenset({"forecaster_shadow"}), "FORECASTER_SHADOW holds a name twice; leave one"

    @property
    def exchange(self) -> Exchange:
        """The exchange that KALSHI_API_BASE reaches."""
        return exchange_of(self.kalshi_api_base)

    @property
    def database(self) -> DatabaseAddress:
        """Where the database is, and as whom."""
        password = self.postgres_password.get_secret_value() if self.postgres_password else None
        return DatabaseAddress(self.postgres_host, self.postgres_port, self.postgres_db, self.postgres_user, password)

    def fingerprint(self) -> str:
        """Twelve hex digits that change when a decision could change; secrets and addresses do not count."""
        relevant = self.model_dump_json(exclude=_NOT_OF_DECISIONS)
        return hashlib.sha256(relevant.encode()).hexdigest()[:12]


# Which account is meant, and where its ledger is: what an act on the ledger needs.
LEDGER_SETTINGS = frozenset(
    {"trading_mode", "postgres_host", "postgres_port", "postgres_db", "postgres_user", "postgres_password"}
)
# What an act at the exchange needs more.
ACCOUNT_SETTINGS = LEDGER_SETTINGS | {"kalshi_api_base", "kalshi_api_key_id", "kalshi_private_key_path"}

_NOT_OF_DECISIONS = {
    name
    for name in Settings.model_fields
    if name.startswith(
        ("postgres_", "kalshi_", "log_", "analytics_", "dash", "milkbot_", "openrouter_", "nws_user", "kill_")
    )
}
