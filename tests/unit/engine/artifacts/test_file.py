"""Artifacts as files: whole or absent, never over another, never outside their directory."""

import asyncio
import errno
import os
import shutil
import subprocess
import threading

import pytest

from taskjob.errors import InvalidError, UnavailableError
from taskjob_engine.artifacts import ArtifactInfo
from taskjob_engine.artifacts.file import FileArtifactStore


@pytest.fixture
async def store(tmp_path):
    store = FileArtifactStore(tmp_path / "artifacts")
    await store.open()
    yield store
    await store.close()


async def test_an_object_is_read_back_as_it_was_written(store, tmp_path):
    data = bytes(range(256)) * 100
    assert await store.put("team/job/0.1/ab/result.json", data)
    assert await store.get("team/job/0.1/ab/result.json") == data
    assert (tmp_path / "artifacts/team/job/0.1/ab/result.json").stat().st_mode & 0o777 == 0o600


async def test_an_object_is_never_replaced(store):
    assert await store.put("a/b", b"first")
    assert not await store.put("a/b", b"second")
    assert await store.get("a/b") == b"first"


async def test_of_many_writers_of_one_key_one_wins_whole(store, tmp_path):
    bodies = [bytes([65 + number]) * 100_000 for number in range(20)]
    wins = await asyncio.gather(*(store.put("a/b", body) for body in bodies))
    assert sum(wins) == 1
    assert await store.get("a/b") == bodies[wins.index(True)]
    assert [path.name for path in (tmp_path / "artifacts/a").iterdir()] == ["b"], "no draft is left"


async def test_missing_objects_are_none_and_empty(store):
    await store.put("a/b", b"x")
    assert await store.get("a/c") is None
    assert await store.get("x/y/z") is None
    assert await store.get("a") is None, "a folder is no object"
    assert await store.get("a/b/c") is None
    assert await store.list_prefix("x/y") == []
    assert await store.delete_prefix("x") == 0


async def test_a_prefix_covers_whole_segments_only(store):
    for key in ("a/b", "a/b2/c", "a/bc", "a/b1/log/000001", "a/b1/log/000000"):
        await store.put(key, key.encode())
    assert await store.list_prefix("a/b") == [ArtifactInfo(key="a/b", size=3)]
    assert [(info.key, info.size) for info in await store.list_prefix("a/b1/")] == [
        ("a/b1/log/000000", 15),
        ("a/b1/log/000001", 15),
    ]
    assert await store.delete_prefix("a/b1") == 2
    assert await store.delete_prefix("a/b") == 1
    assert [info.key for info in await store.list_prefix("a")] == ["a/b2/c", "a/bc"]


async def test_a_sweep_tells_of_each_prefix_and_goes_on_after_a_failure(store, tmp_path, caplog, monkeypatch):
    for job in ("job1", "job2", "job3"):
        await store.put(f"team/{job}/0.1/ab/log/000000", b"x")
    remove = os.rmdir

    def refuse(name, **where):
        if name == "job2":
            raise OSError(errno.EIO, "Input/output error")
        remove(name, **where)

    with monkeypatch.context() as patch:
        patch.setattr(os, "rmdir", refuse)
        verdicts = await store.sweep(["team/job1", "team/job2/", "team/never", "team/job3"])
    assert verdicts == [True, False, True, True]
    assert "team/job2 stay for now: Input/output error" in caplog.text
    assert [path.name for path in (tmp_path / "artifacts/team").iterdir()] == ["job2"]
    assert await store.sweep(["team/job2"]) == [True]
    with pytest.raises(InvalidError):
        await store.sweep(["team/job1", "../x"])


@pytest.mark.parametrize("key", ["../x", "a/../../x", "/etc/passwd", "", ".", "a//b", "a/.draft-1"])
async def test_keys_that_lead_elsewhere_are_refused_by_every_verb(store, key):
    for call in (store.get, store.list_prefix, store.delete_prefix):
        with pytest.raises(InvalidError):
            await call(key)
    with pytest.raises(InvalidError):
        await store.put(key, b"")


async def test_links_are_never_followed(store, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    root = tmp_path / "artifacts"
    (root / "team").symlink_to(outside)
    (root / "job").mkdir()
    (root / "job/file").symlink_to(outside / "secret")
    assert await store.get("team/secret") is None
    assert await store.list_prefix("team") == []
    with pytest.raises(UnavailableError):
        await store.put("team/planted", b"x")
    with pytest.raises(UnavailableError):
        await store.get("job/file")
    assert await store.list_prefix("job") == []
    await store.delete_prefix("team")
    await store.delete_prefix("job")
    assert (outside / "secret").read_text() == "secret"
    assert not (outside / "planted").exists()
    assert list(root.iterdir()) == []


async def test_a_write_that_fails_leaves_nothing(store, tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UnavailableError, match="no space"):
        await store.put("b", b"x" * 1000)
    monkeypatch.undo()
    assert await store.get("b") is None
    assert list((tmp_path / "artifacts").iterdir()) == []
    assert await store.put("b", b"later")


@pytest.fixture
def small_disk(tmp_path):
    """A real file system of 256 KiB."""
    root = tmp_path / "small"
    root.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(root)]
    if (
        shutil.which("mount") is None
        or subprocess.run(command, capture_output=True, check=False, timeout=20).returncode
    ):
        if os.environ.get("CI") == "true":
            pytest.fail("this machine does not let us mount a small tmpfs (it needs root)")
        pytest.skip("mounting a small tmpfs needs root")
    yield root
    subprocess.run(["umount", "-l", str(root)], check=True, timeout=20)


async def test_disk_full_is_unavailable_and_ends_when_space_is_freed(small_disk):
    store = FileArtifactStore(small_disk)
    await store.open()
    assert await store.put("job1/a", b"x" * 200_000)
    with pytest.raises(UnavailableError, match="no space is left") as refusal:
        await store.put("job2/b", b"y" * 200_000)
    assert refusal.value.retryable
    assert await store.get("job2/b") is None
    assert await store.get("job1/a") == b"x" * 200_000
    await store.delete_prefix("job1")
    assert await store.put("job2/b", b"y" * 200_000)
    await store.close()


async def test_a_sweep_beside_a_write_ends_in_one_of_two_ways(store):
    for round_ in range(30):
        write, _ = await asyncio.gather(
            store.put(f"job/{round_}/log/000000", b"x"), store.delete_prefix("job"), return_exceptions=True
        )
        assert write is True or isinstance(write, (UnavailableError, OSError))
        if write is True:
            assert await store.get(f"job/{round_}/log/000000") in {b"x", None}


async def test_a_root_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    store = FileArtifactStore(tmp_path / "file" / "artifacts")
    with pytest.raises(UnavailableError):
        await store.open()
    await store.close()


async def test_close_twice_and_before_open(tmp_path):
    store = FileArtifactStore(tmp_path / "a")
    await store.close()
    await store.close()
    with pytest.raises(UnavailableError, match="closed"):
        await store.get("a")


@pytest.mark.parametrize(
    ("after", "found"),
    [
        ("", ["a-b/0", "a/b", "a/c/1", "a/c/2", "a0"]),
        ("a/b", ["a/c/1", "a/c/2", "a0"]),
        ("a/c/1", ["a/c/2", "a0"]),
        ("a/c/2", ["a0"]),
        ("a0", []),
    ],
)
async def test_a_list_goes_on_behind_a_key(store, after, found):
    for key in ("a/c/2", "a-b/0", "a/b", "a0", "a/c/1"):
        await store.put(f"x/{key}", b"1")

    listed = await store.list_prefix("x", after=f"x/{after}" if after else "")

    assert [info.key.removeprefix("x/") for info in listed] == found


async def test_readers_that_are_stuck_keep_no_writer_waiting(store, tmp_path, monkeypatch):
    await store.put("a/b", b"1")
    free = threading.Event()
    monkeypatch.setattr(store, "_list", lambda *_: free.wait(20))
    stuck = [asyncio.create_task(store.list_prefix("a")) for _ in range(20)]
    try:
        async with asyncio.timeout(10):
            assert await store.put("a/c", b"2")
    finally:
        free.set()
        await asyncio.gather(*stuck)
