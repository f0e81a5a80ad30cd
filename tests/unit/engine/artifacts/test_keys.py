import pytest

from taskjob.errors import InvalidError
from taskjob_engine.artifacts import check_key, check_prefix, lease_prefix, log_key, result_key

LEASE = "0123456789abcdef0123456789abcdef"


def test_the_lease_id_never_stands_in_a_key():
    prefix = lease_prefix("team", "job1", 0, 2, LEASE)
    assert prefix.startswith("team/job1/0.2/")
    assert LEASE not in prefix
    assert prefix != lease_prefix("team", "job1", 0, 2, LEASE[::-1])
    assert check_key(result_key(prefix, b"1")) == f"{prefix}/result.6b86b273ff34fce1.json"
    assert result_key(prefix, b"2") != result_key(prefix, b"1")
    assert log_key(prefix, 7) == f"{prefix}/log/000007"


LEADING_ELSEWHERE = ["", "/", "/a", "a/", "a//b", "..", "a/../b", "./a", "a/.hidden", "a\\b", "a\0b", "a b", "ä", "a\n"]
TOO_LONG = ["x" * 256, "/".join(["a" * 100] * 11)]


@pytest.mark.parametrize("key", [*LEADING_ELSEWHERE, *TOO_LONG])
def test_keys_that_could_lead_elsewhere_are_refused(key):
    with pytest.raises(InvalidError):
        check_key(key)


def test_a_prefix_may_end_in_a_slash_and_may_not_be_empty():
    assert check_prefix("team/job1/") == check_prefix("team/job1") == "team/job1"
    for prefix in ("", "/", "a//"):
        with pytest.raises(InvalidError):
            check_prefix(prefix)


@pytest.mark.parametrize("number", [-1, 1_000_000])
def test_log_chunks_have_bounded_numbers(number):
    with pytest.raises(InvalidError):
        log_key("a", number)
