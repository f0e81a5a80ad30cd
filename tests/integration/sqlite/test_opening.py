"""A file is trusted only after it was checked; every refusal has a reason and a way out."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

import pytest
from neighbours import process_running, read_only
from sqlite_crew import Crew

from taskjob.errors import UnavailableError
from taskjob_engine.errors import StoreRefusedError
from taskjob_engine.store import JobFilter, JobRef
from taskjob_engine.stores.sqlite import SQLiteStore, connection, filesystem, migrations

OWN_IT = """
import asyncio, sys
from taskjob_engine.stores.sqlite import SQLiteStore
async def own():
    store = SQLiteStore(sys.argv[1])
    await store.open()
    print("open", flush=True)
    sys.stdin.readline()
asyncio.run(own())
"""

LOCK_IT = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("PRAGMA locking_mode = EXCLUSIVE")
database.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.readline()
"""

MOUNTS = """\
/dev/vda / ext4 rw 0 0
server:/export /mnt/shared nfs4 rw 0 0
/dev/vdb /mnt/shared/local\\040disk xfs rw 0 0
tmpfs /mnt/over tmpfs rw 0 0
//host/share /mnt/over cifs rw 0 0
"""


async def refusal_of(path: Path) -> StoreRefusedError:
    with pytest.raises(StoreRefusedError) as refused:
        await SQLiteStore(path).open()
    assert refused.value.hint
    return refused.value


async def filled(path: Path, jobs: int) -> None:
    store = SQLiteStore(path)
    await store.open()
    await (await Crew.join(store)).submit(jobs, payload=b'{"note": "%s"}' % (b"x" * 400))
    await store.close()


async def test_g1_the_settings_that_make_a_commit_durable_are_read_back_from_the_connection(path):
    store = SQLiteStore(path)
    info = await store.open()
    settings = info.settings
    await store.close()
    assert (info.kind, info.durability, info.replication) == ("sqlite", "durable", "local")
    assert (settings["journal_mode"], settings["synchronous"]) == ("wal", "2")


async def test_g1_relaxed_durability_says_so(path):
    store = SQLiteStore(path, durability="relaxed")
    info = await store.open()
    await store.close()
    assert (info.durability, info.settings["synchronous"]) == ("relaxed", "1")


async def test_incarnation_seq_and_jobs_survive_a_restart(path):
    store = SQLiteStore(path)
    first = await store.open()
    [job] = await (await Crew.join(store)).submit(1)
    before = store.standing()
    await store.close()
    again = SQLiteStore(path)
    second = await again.open()
    page = await again.count(JobFilter(namespace="default"), limit=10)
    after = again.standing()
    await again.close()
    assert (first.incarnation, before, 1) == (second.incarnation, after, page)
    assert job


async def test_a_second_process_is_refused_while_the_first_lives(path):
    with process_running(OWN_IT, path):
        refused = await refusal_of(path)
    assert refused.reason == "AlreadyOpen"
    store = SQLiteStore(path)
    await store.open()
    await store.close()


async def test_a_second_store_in_the_same_process_is_refused(store, path):
    assert (await refusal_of(path)).reason == "AlreadyOpen"


async def test_a_newer_schema_is_refused_and_left_alone(path):
    await filled(path, 1)
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    assert (await refusal_of(path)).reason == "NewerSchema"
    with sqlite3.connect(path) as database:
        kept = database.execute("SELECT COUNT(*) FROM job").fetchone()
    database.close()
    assert kept == (1,)


async def test_an_edited_schema_change_is_found(path):
    await filled(path, 1)
    with sqlite3.connect(path) as database:
        database.execute("UPDATE migration SET checksum = 'other'")
    database.close()
    assert (await refusal_of(path)).reason == "Corrupt"


async def test_an_overwritten_page_is_found(path):
    await filled(path, 500)
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 8192 // 2 * 8192)
        file.write(os.urandom(8192))
    assert (await refusal_of(path)).reason == "Corrupt"


async def test_an_overwritten_first_page_is_found(path):
    await filled(path, 1)
    with path.open("r+b") as file:
        file.seek(100)
        file.write(os.urandom(8092))
    assert (await refusal_of(path)).reason == "Corrupt"


async def test_a_file_of_another_kind_is_refused_and_left_alone(path):
    path.write_text("Dear diary\n" * 100)
    assert (await refusal_of(path)).reason == "NotADatabase"
    assert path.read_text().startswith("Dear diary")


async def test_a_database_of_another_program_is_refused_and_left_alone(path):
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE bookmarks (url TEXT)")
    database.close()
    before = path.read_bytes()
    assert (await refusal_of(path)).reason == "NotADatabase"
    assert path.read_bytes() == before


async def test_a_store_that_vanished_is_not_begun_anew(path):
    await filled(path, 1)
    path.unlink()
    assert (await refusal_of(path)).reason == "Missing"
    assert not path.exists()


async def test_a_read_only_file_system_is_refused(tmp_path):
    folder = tmp_path / "disk"
    await filled(folder / "taskjob.db", 1)
    with read_only(folder):
        assert (await refusal_of(folder / "taskjob.db")).reason == "ReadOnly"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/home/taskjob.db", "ext4"),
        ("/mnt/shared/a/b.db", "nfs4"),
        ("/mnt/shared", "nfs4"),
        ("/mnt/shared/local disk/b.db", "xfs"),
        ("/mnt/sharedish/b.db", "ext4"),
        ("/mnt/over/b.db", "cifs"),
    ],
)
def test_the_deepest_and_latest_mount_tells_the_type(path, expected):
    assert filesystem.type_of_mount(path, MOUNTS) == expected


async def test_a_network_file_system_is_refused(path, monkeypatch):
    monkeypatch.setattr(filesystem, "filesystem_type", lambda _: "nfs4")
    assert (await refusal_of(path)).reason == "NetworkFileSystem"
    assert not path.exists()


async def test_opening_again_migrates_nothing(path):
    await filled(path, 1)
    with sqlite3.connect(path) as database:
        first = database.execute("SELECT * FROM migration").fetchall()
    database.close()
    await filled(path, 1)
    with sqlite3.connect(path) as database:
        second = database.execute("SELECT * FROM migration").fetchall()
    database.close()
    assert first == second


async def test_a_new_store_in_a_folder_that_cannot_be_written_is_refused(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    with read_only(folder):
        assert (await refusal_of(folder / "taskjob.db")).reason == "ReadOnly"


async def test_a_file_that_another_program_has_locked_is_refused_in_words(path, monkeypatch):
    monkeypatch.setattr(connection, "BUSY_SECONDS", 0.1)
    await filled(path, 1)
    with process_running(LOCK_IT, path):
        assert (await refusal_of(path)).reason == "AlreadyOpen"


async def test_a_schema_change_that_breaks_half_way_leaves_nothing_and_can_be_repeated(path, monkeypatch):
    await filled(path, 3)
    released = migrations.known()
    number = len(released) + 1
    broken = migrations.Migration(number, "broken", "CREATE TABLE half (a INTEGER);\nCREATE TABLE half (a INTEGER);\n")
    monkeypatch.setattr(migrations, "known", lambda: [*released, broken])
    await refusal_of(path)
    whole = migrations.Migration(number, "whole", "CREATE TABLE half (a INTEGER);\n")
    monkeypatch.setattr(migrations, "known", lambda: [*released, whole])
    store = SQLiteStore(path)
    info = await store.open()
    kept = await store.count(JobFilter(namespace="default"), limit=10)
    await store.close()
    assert (info.schema_version, kept) == (number, 3)


async def test_a_database_of_the_first_schema_gets_its_witness_key(path, monkeypatch):
    first = migrations.known()[:1]
    with monkeypatch.context() as older, contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        older.setattr(migrations, "known", lambda: first)
        migrations.migrate(database, now=0)
        database.execute("INSERT INTO store VALUES (1, 'old', 7, 0)")
    store = SQLiteStore(path)
    await store.open()
    standing, key = store.standing(), store.witness_key()
    await store.close()
    assert (standing.incarnation, standing.seq >= 7, len(key)) == ("old", True, 32)
    await store.open()
    again = store.witness_key()
    await store.close()
    assert again == key


async def test_a_store_that_is_not_open_says_so(path):
    store = SQLiteStore(path)
    with pytest.raises(UnavailableError):
        store.standing()
    with pytest.raises(UnavailableError):
        store.witness_key()
    with pytest.raises(UnavailableError):
        await store.queues("default")
    with pytest.raises(UnavailableError):
        await store.explain(JobRef(namespace="default", id="0" * 32))


async def test_a_store_is_for_its_user_alone(tmp_path):
    folder = tmp_path / "data"
    store = SQLiteStore(folder / "taskjob.db")
    before = os.umask(0)
    try:
        await store.open()
        await (await Crew.join(store)).submit(1)
        modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    finally:
        os.umask(before)
        await store.close()

    assert folder.stat().st_mode & 0o777 == 0o700
    names = ("taskjob.db", "taskjob.db-wal", "taskjob.db-shm", "taskjob.db.lock")
    assert modes == dict.fromkeys(names, 0o600)


async def test_a_file_that_others_could_read_is_closed_to_them(path):
    await filled(path, 1)
    path.chmod(0o644)

    await filled(path, 1)

    assert path.stat().st_mode & 0o777 == 0o600
