"""What a job takes of resources: how it is written."""

import pytest

from jobframe.core.policy import Policy, parse_key
from jobframe.core.resource import Use, parse_uses


def test_a_use_is_a_resource_and_its_units_one_when_left_out():
    assert (Use("gpu", 2), Use("licence", 1)) == parse_uses(["licence", "gpu:2"])
    assert ["gpu:2", "licence:1"] == [str(use) for use in parse_uses(("gpu:2", "licence"))]


def test_the_order_in_the_file_makes_no_other_policy():
    assert parse_key("uses", ["a:1", "b:2"]) == parse_key("uses", ["b:2", "a"])


def test_none_at_all_is_an_empty_list():
    assert () == parse_uses([])


@pytest.mark.parametrize(
    "value", ["gpu:1", None, 1, True, {"gpu": 1}, [1], ["gpu", None], ["GPU:1"], ["gpu:0"], ["gpu:-1"], ["gpu:"],
              ["gpu:1.5"], ["gpu:10000000"], [":1"], [""], ["gpu:1 "], ["a,b:1"], ["g" * 65]]
)  # fmt: skip
def test_anything_else_is_refused(value):
    with pytest.raises(ValueError, match="expected a list of resources and what a job takes of each"):
        parse_uses(value)


def test_a_resource_is_named_once():
    with pytest.raises(ValueError, match="names resource 'gpu' twice"):
        parse_uses(["gpu:1", "gpu:2"])


def test_a_policy_with_a_limit_of_the_fleet_is_exclusive():
    assert not Policy(per_worker=1).exclusive
    assert Policy(concurrency=1).exclusive
    assert Policy(uses=(Use("gpu", 1, 2),)).exclusive
