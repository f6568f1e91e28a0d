from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

import numpy as np
import pytest

from segmentation.settings import SyntheticSettings
from segmentation.synthetic.plan import chunks_of, genuine_rows, month_rows
from segmentation.synthetic.profiles import INDUSTRIES, MAJORITY, SEGMENTS
from segmentation.synthetic.world import World, build_world

MakeSettings = Callable[..., SyntheticSettings]
LEARNABLE = np.array([industry.learnable for industry in INDUSTRIES])


@pytest.fixture(scope="module")
def calm(make_settings: MakeSettings) -> World:
    """Without noise an account is nothing but its segment and its industry."""
    return build_world(make_settings(noise=0.0, accounts=2000))


def usage_of(world: World, account: int) -> list[float]:
    return [round(float(x), 9) for f in fields(world.usage) for x in np.ravel(getattr(world.usage, f.name)[account])]


def test_majority_industry_has_its_share(make_settings: MakeSettings) -> None:
    world = build_world(make_settings(accounts=1500, majority_share=0.6))
    assert np.mean(world.industry == 0) == pytest.approx(0.6)
    assert np.bincount(world.industry, minlength=13).min() > 0


def test_labelled_share_holds_overall_and_within_the_majority(make_settings: MakeSettings) -> None:
    world = build_world(make_settings(accounts=1500, labelled_share=0.4))
    assert world.labelled.mean() == pytest.approx(0.4)
    assert world.labelled[world.industry == 0].mean() == pytest.approx(0.4, abs=0.002)


def test_thirteen_industries_of_which_half_the_minorities_are_learnable() -> None:
    assert len(INDUSTRIES) == 13
    assert not MAJORITY.learnable
    assert LEARNABLE.sum() == 6


def test_unlearnable_industries_use_the_software_exactly_as_the_majority(calm: World) -> None:
    for segment in range(len(SEGMENTS)):
        members = np.flatnonzero((calm.segment == segment) & ~LEARNABLE[calm.industry])
        assert len(set(calm.industry[members].tolist())) > 1
        assert {tuple(usage_of(calm, account)) for account in members} == {tuple(usage_of(calm, members[0]))}


def test_learnable_industries_differ_from_the_majority_and_each_other(calm: World) -> None:
    members = np.flatnonzero(calm.segment == 0)
    kinds = {(tuple(usage_of(calm, a)), INDUSTRIES[calm.industry[a]].name) for a in members}
    learnable = {kind for kind in kinds if any(i.name == kind[1] and i.learnable for i in INDUSTRIES)}
    assert len({usage for usage, _ in learnable}) == LEARNABLE.sum()


def test_without_signal_no_industry_is_learnable(make_settings: MakeSettings) -> None:
    world = build_world(make_settings(noise=0.0, signal=0.0, accounts=500))
    members = np.flatnonzero(world.segment == 0)
    assert not world.learnable.any()
    assert {tuple(usage_of(world, account)) for account in members} == {tuple(usage_of(world, members[0]))}


@pytest.mark.parametrize(("accounts", "tokens"), [(2991, 6312), (1500, 3165), (1, 3)])
def test_tokens_per_account_is_met_and_every_account_has_one(
    make_settings: MakeSettings, accounts: int, tokens: int
) -> None:
    world = build_world(make_settings(accounts=accounts))
    assert len(set(world.tokens.name.tolist())) == tokens
    assert set(world.tokens.account.tolist()) == set(range(accounts))


def test_months_add_up_to_all_genuine_rows(make_settings: MakeSettings) -> None:
    settings = make_settings(rows=12_345)
    world = build_world(settings)
    months = [month_rows(world, settings, month) for month in range(settings.months)]
    assert sum(int(month.counts.sum()) for month in months) == genuine_rows(settings)
    assert [month.first for month in months] == np.cumsum([0, *(m.counts.sum() for m in months[:-1])]).tolist()


def test_chunks_cover_every_day_once_and_stay_small(make_settings: MakeSettings) -> None:
    chunks = chunks_of(make_settings(rows=30_000_000, files_per_month=2))
    days = [(c.month, day) for c in chunks for day in range(c.first_day, c.end_day)]
    assert days == [(month, day) for month, size in enumerate((31, 28, 31)) for day in range(size)]
    assert len(chunks) == 30
