"""The analytics API, as the page sees it: answers as values, or one error."""

from __future__ import annotations

from http import HTTPStatus
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from milkbot.analytics.service.figure_schemas import Cities, Drawdown
from milkbot.analytics.service.market_schemas import Markets, Results, Today
from milkbot.analytics.service.schemas import Equity, Health, Hero, PlatformStatus, Trades
from milkbot.analytics.service.skill_schemas import Reliability, Skill
from milkbot.errors import MilkbotError
from milkbot.http import HttpSession, TransportError

_TIMEOUT_SECONDS = 3.0
Answer = TypeVar("Answer", bound=BaseModel)


class ApiUnavailableError(MilkbotError):
    """The analytics API gave no usable answer."""


class NoSuchAddressError(ApiUnavailableError):
    """The analytics API is of an earlier release, which may answer while releases change, and has no such address."""


class AnalyticsApi:
    """One connection pool to the API; safe for all sessions to share."""

    def __init__(self, base_url: str) -> None:
        self._http = HttpSession(base_url, {"User-Agent": "milkbot dashboard"}, timeout_seconds=_TIMEOUT_SECONDS)

    def hero(self) -> Hero:
        """The figures at the top."""
        return self._get("/v1/metrics/hero", {}, Hero)

    def trades(self, city: str | None, limit: int) -> Trades:
        """The newest public trades, of one city or of all."""
        return self._get("/v1/trades/recent", {"limit": limit} | ({"city": city} if city else {}), Trades)

    def equity(self, days: int) -> Equity:
        """The equity curve of the last days."""
        return self._get("/v1/performance/equity", {"days": days}, Equity)

    def markets(self, city: str, limit: int) -> Markets:
        """The newest markets of a city that were traded, each folded to one row."""
        return self._get("/v1/markets/recent", {"limit": limit, "city": city}, Markets)

    def results(self, city: str, limit: int) -> Results:
        """How the newest markets of a city came out, held or not."""
        return self._get("/v1/results/recent", {"limit": limit, "city": city}, Results)

    def today(self, city: str | None = None) -> Today:
        """The newest public forecasts of the days that are not over, of one city or of all."""
        return self._get("/v1/forecast/today", {"city": city} if city else {}, Today)

    def skill(self, days: int) -> Skill:
        """The scores of all forecasters over the last days."""
        return self._get("/v1/forecast/skill", {"days": days}, Skill)

    def reliability(self, days: int) -> Reliability:
        """What was said against what happened over the last days, at the lead time of the sequential test."""
        return self._get("/v1/forecast/reliability", {"days": days}, Reliability)

    def cities(self, days: int) -> Cities:
        """Results by city over the last days."""
        return self._get("/v1/metrics/cities", {"days": days}, Cities)

    def drawdown(self, days: int) -> Drawdown:
        """How far the account was below its highest value over the last days."""
        return self._get("/v1/performance/drawdown", {"days": days}, Drawdown)

    def status(self) -> PlatformStatus:
        """What the trader may do, why, and when it last worked."""
        return self._get("/v1/status", {}, PlatformStatus)

    def health(self) -> Health:
        """The platform's health; a platform that is down says so in an answer too."""
        return self._get("/v1/health", {}, Health, also=HTTPStatus.SERVICE_UNAVAILABLE)

    def _get(self, path: str, query: dict[str, str | int], model: type[Answer], also: int = HTTPStatus.OK) -> Answer:
        try:
            answer = self._http.send("GET", path, params=[(name, str(value)) for name, value in query.items()])
        except TransportError as error:
            raise ApiUnavailableError(f"{path}: {error}") from error
        if answer.status == HTTPStatus.NOT_FOUND:
            raise NoSuchAddressError(f"{path}: status {answer.status}")
        if answer.status not in {HTTPStatus.OK, also}:
            raise ApiUnavailableError(f"{path}: status {answer.status}")
        try:
            return model.model_validate_json(answer.content)
        except ValidationError as error:
            raise ApiUnavailableError(f"{path}: not the answer that was expected") from error
