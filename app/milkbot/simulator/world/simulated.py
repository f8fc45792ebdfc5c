"""A whole simulated world of one seed."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from milkbot.domain.cities import Series, all_series
from milkbot.simulator.engine.plan import EventPlan
from milkbot.simulator.world.beliefs import Beliefs
from milkbot.simulator.world.listing import created_at, plan_event
from milkbot.simulator.world.makers import Makers
from milkbot.simulator.world.truth import Truth
from milkbot.simulator.world.weather import SimulatedWeather


class SimulatedWorld:
    """Truth, weather, listings and makers that belong together."""

    def __init__(self, seed: int) -> None:
        self._truth = Truth(seed)
        self.name = f"the simulated world of seed {seed}"
        self.ends_at: datetime | None = None
        self.weather = SimulatedWeather(self._truth)
        self.house = Makers(seed, Beliefs(self._truth, self.weather))

    @property
    def series(self) -> tuple[Series, ...]:
        """Every series that cities.toml knows."""
        return all_series()

    def created_between(self, after: datetime, until: datetime) -> list[EventPlan]:
        """Events created in (after, until]."""
        plans: list[EventPlan] = []
        day: date = after.date()
        while day <= until.date() + timedelta(days=1):
            if after < created_at(day) <= until:
                plans += [plan_event(self._truth, series, day) for series in self.series]
            day += timedelta(days=1)
        return plans

    def official(self, plan: EventPlan) -> int:
        """The whole degrees Fahrenheit that settle the event."""
        return self.weather.official(plan.series, plan.day)
