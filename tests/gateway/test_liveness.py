"""When a worker's process is certainly gone: judged on a process file system made by hand."""

import msgspec
import pytest

from taskjob.wire.messages import ProcessIdentity
from taskjob_api.gateway.liveness import ProcessWatch


@pytest.fixture
def proc(tmp_path):
    boot_id = tmp_path / "sys/kernel/random/boot_id"
    boot_id.parent.mkdir(parents=True)
    boot_id.write_text("boot-1\n")
    namespace = tmp_path / "self/ns/pid"
    namespace.parent.mkdir(parents=True)
    namespace.touch()
    return tmp_path


@pytest.fixture
def alive(proc):
    """A process whose command name is made to confuse."""

    def stat(state="S", started=777):
        (proc / "42").mkdir(exist_ok=True)
        (proc / "42/stat").write_text(f"42 (a) b (c) {state} " + " ".join(["0"] * 18) + f" {started} 0 0\n")

    stat()
    process = ProcessIdentity(
        host="boot-1",
        pid_namespace=(proc / "self/ns/pid").stat().st_ino,
        pid=42,
        started=777,
    )
    return stat, process


def test_a_live_process_is_not_gone(proc, alive):
    assert not ProcessWatch(proc).certainly_gone(alive[1])


@pytest.mark.parametrize("change", [{"host": "boot-2"}, {"pid_namespace": 1}, {"host": ""}])
def test_of_another_host_nothing_is_certain(proc, alive, change):
    process = msgspec.structs.replace(alive[1], pid=43, **change)
    assert not ProcessWatch(proc).certainly_gone(process)


def test_a_pid_that_is_not_there_is_gone(proc, alive):
    assert ProcessWatch(proc).certainly_gone(msgspec.structs.replace(alive[1], pid=43))


def test_a_pid_given_to_another_process_is_gone(proc, alive):
    alive[0](started=778)
    assert ProcessWatch(proc).certainly_gone(alive[1])


@pytest.mark.parametrize("state", ["Z", "X"])
def test_a_zombie_is_gone(proc, alive, state):
    alive[0](state=state)
    assert ProcessWatch(proc).certainly_gone(alive[1])


def test_without_a_process_file_system_nothing_is_certain(tmp_path, alive):
    watch = ProcessWatch(tmp_path / "nowhere")
    assert not watch.certainly_gone(alive[1])
    assert not watch.certainly_gone(msgspec.structs.replace(alive[1], host=""))
    assert not watch.certainly_gone(None)
