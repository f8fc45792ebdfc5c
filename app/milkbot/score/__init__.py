"""The yardstick: what a forecaster was worth on recorded events, next to the market at the same moments.

The recorded data in memory, for the scores and for whoever fits a forecaster:

- `load.load(path)` reads a folder into `Recording`s, one for each kind of data that it holds.
- `Recording.events`: `RecordedEvent`s in the order of their days. Each has its `brackets` from cold to warm (ticker,
  strike, whether it resolved to YES), the official `high` in whole degrees F, and the number of the `winner`.
- `Recording.inputs(event, moment)`: `milkbot.forecast.inputs.Inputs`, all that was recorded of the event strictly
  before the moment: quotes, the last trades, forecasts, each with the time of its issue. Nothing later is reachable.
- `Recording.taker_prices(event, moment)`: for each bracket what a taker could have sold and bought at.
- `moments.parse("prev18").of(event)`: the moment in UTC that a decision time means for an event.
- `evaluate.evaluate(recording, forecaster, moment)`: the answers and their scores, event by event.

A walk-forward fit goes through `events` day by day. It fits on days that are earlier by two at least (the high of the
day before is not official at every decision time), and takes `inputs` as a forecaster is given them.

`duckdb` and `scoringrules` are imported here and nowhere else: the trader's tick imports nothing of this package.
"""
