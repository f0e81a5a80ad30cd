"""The pool of workers in a TaskQueue: all that may be said, and what is refused, with the field that is wrong."""

from __future__ import annotations

from typing import Any

import pytest
from pool_documents import QUEUE, REFUSED, changed

from taskjob.errors import InvalidError, NotYetSupportedError, TooLargeError
from taskjob.spec import read_stored_job, read_stored_queue


def test_everything_that_may_be_said_is_read_and_written_back() -> None:
    written = read_stored_queue(QUEUE).model_dump(by_alias=True, exclude_unset=True)

    assert QUEUE == written


def test_a_worker_drains_for_a_minute_unless_it_says_otherwise() -> None:
    assert 60 == read_stored_queue({"worker": {"image": "a"}}).worker.drain_seconds


@pytest.mark.parametrize(("path", "value", "field", "words"), REFUSED)
def test_what_may_not_be_said_is_named_with_its_pointer(path: str, value: Any, field: str | None, words: str) -> None:
    with pytest.raises(InvalidError) as caught:
        read_stored_queue(changed(path, value))

    assert caught.value.field == (field or path)
    assert words in f"{caught.value.detail} {caught.value.hint}"


@pytest.mark.parametrize("mode", ["Manual", "Disabled"])
@pytest.mark.parametrize("pool", [{"worker": {"image": "a"}}, {"deploymentRef": {"name": "mine"}}, {}])
def test_a_cluster_honours_a_pool_of_a_fixed_size(mode: str, pool: dict[str, Any]) -> None:
    spec = read_stored_queue({**pool, "replicas": 2, "autoscaling": {"mode": mode}})

    assert (2, mode) == (spec.replicas, spec.autoscaling.mode)


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"circuitBreaker": {}}, "/spec/circuitBreaker"),
        ({"jobDefaults": {"activeDeadlineSeconds": 5}}, "/spec/jobDefaults/activeDeadlineSeconds"),
        ({"autoscaling": {"mode": "Builtin"}}, "/spec/autoscaling/mode"),
        ({"autoscaling": {"mode": "External"}}, "/spec/autoscaling/mode"),
        ({"autoscaling": {"mode": "Manual", "minReplicas": 0}}, "/spec/autoscaling/minReplicas"),
        ({"autoscaling": {"maxReplicas": 3}}, "/spec/autoscaling/maxReplicas"),
        ({"autoscaling": {"targetQueueDelaySeconds": 3}}, "/spec/autoscaling/targetQueueDelaySeconds"),
        ({"autoscaling": {"idleSeconds": 3}}, "/spec/autoscaling/idleSeconds"),
        ({"autoscaling": {"scaleDownStabilizationSeconds": 3}}, "/spec/autoscaling/scaleDownStabilizationSeconds"),
    ],
)
def test_what_a_cluster_cannot_do_yet_is_refused_by_name(spec: dict[str, Any], field: str) -> None:
    with pytest.raises(NotYetSupportedError) as caught:
        read_stored_queue(spec)

    assert caught.value.field == field


@pytest.mark.parametrize("field", ["dependsOn", "array", "payloadRef"])
def test_later_fields_of_a_stored_job_are_refused_by_name(field: str) -> None:
    with pytest.raises(NotYetSupportedError) as caught:
        read_stored_job({"task": "a", field: {"any": "thing"}})

    assert caught.value.field == f"/spec/{field}"


def test_a_stored_payload_may_have_16_kib() -> None:
    fits = {"text": "x" * (16 * 1024 - len('{"text":""}'))}

    assert fits == read_stored_job({"task": "a", "payload": fits}).payload
    with pytest.raises(TooLargeError) as caught:
        read_stored_job({"task": "a", "payload": {"text": fits["text"] + "x"}})
    assert ("/spec/payload", True) == (caught.value.field, "at most 16384" in caught.value.detail)
