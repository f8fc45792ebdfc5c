"""The scores by the library equal their plain formulas."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milkbot.domain.chances import LEAST, to_one
from milkbot.score.rules import score

PROBABILITY = st.floats(0, 1)
ANSWERS = st.integers(2, 8).flatmap(
    lambda count: st.tuples(st.lists(PROBABILITY, min_size=count, max_size=count), st.integers(0, count - 1))
)


def plain(p: list[float], winner: int) -> tuple[float, float, float, float]:
    """The four scores as they are defined."""
    y = [1.0 if number == winner else 0.0 for number in range(len(p))]
    floored = [max(one, LEAST) for one in p]
    q = [one / sum(floored) for one in floored]
    steps = [(sum(q[: k + 1]) - sum(y[: k + 1])) ** 2 for k in range(len(q))]
    return (
        sum((a - b) ** 2 for a, b in zip(p, y, strict=True)) / len(p),
        sum((a - b) ** 2 for a, b in zip(q, y, strict=True)),
        -math.log(q[winner]),
        sum(steps) / (len(q) - 1),
    )


@given(st.lists(ANSWERS, min_size=1, max_size=8))
def test_scores_equal_the_plain_formulas_to_nine_decimals(answers: list[tuple[list[float], int]]) -> None:
    found = score([answer for answer, _ in answers], [winner for _, winner in answers])
    for one, (answer, winner) in zip(found, answers, strict=True):
        assert (one.bin, one.event, one.log, one.rps) == pytest.approx(plain(answer, winner), abs=1e-9, rel=1e-9)
        assert one.markets == len(answer)


def test_a_uniform_answer_over_six_brackets_scores_as_known() -> None:
    (one,) = score([[1 / 6] * 6], [2])
    assert (round(one.bin, 4), round(one.event, 4), round(one.log, 4)) == (0.1389, 0.8333, 1.7918)


def test_certainty_that_came_true_scores_zero_but_for_the_floor() -> None:
    (one,) = score([[0.0, 1.0]], [1])
    assert one.bin == 0
    assert one.log == pytest.approx(-math.log(1 / 1.005))


def test_certainty_that_failed_is_bounded_by_the_floor() -> None:
    (one,) = score([[1.0, 0.0]], [1])
    assert one.log == pytest.approx(-math.log(LEAST / (1 + LEAST)))


def test_rps_is_smaller_next_to_the_winner_than_far_from_it() -> None:
    near, far = score([[0, 0, 0, 1, 0, 0], [1, 0, 0, 0, 0, 0]], [4, 4])
    assert near.rps < far.rps
    assert near.event == pytest.approx(far.event)


def test_a_two_bracket_event_has_the_rps_of_its_first_bracket() -> None:
    (one,) = score([[0.3, 0.7]], [1])
    assert one.rps == pytest.approx(0.09)


@given(st.lists(PROBABILITY, min_size=2, max_size=8))
def test_what_is_scored_is_a_distribution(answer: list[float]) -> None:
    assert sum(to_one(answer)) == pytest.approx(1)
    assert min(to_one(answer)) > 0
