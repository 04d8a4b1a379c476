"""A bank keeps what was appended, whatever happens, and finds what brute force finds."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_lesions import DIMENSION, PACKAGE, made_up

from lesionscope.errors import InputError, LesionscopeError, UsageError
from lesionscope.retrieval import registry
from lesionscope.retrieval.bank import EMBEDDINGS, TABLES, Bank
from lesionscope.retrieval.thumbnails import STEP_HU

APPENDER = Path(__file__).with_name("append_forever.py")
BATCH = 5


def new_bank(folder: Path, count: int = 0, **more) -> Bank:
    bank = Bank.create(folder, PACKAGE, DIMENSION)
    bank.append([made_up(number, **more) for number in range(count)])
    return bank


def test_what_was_appended_comes_back(tmp_path):
    with new_bank(tmp_path / "bank", 3):
        pass
    with Bank.open(tmp_path / "bank", PACKAGE.sha256) as bank:
        assert (len(bank), bank.package, bank.dimension) == (3, PACKAGE, DIMENSION)
        wanted, found = made_up(1), bank.lesion("lesion-1")
        assert np.allclose(found.embedding, wanted.embedding / np.linalg.norm(wanted.embedding), atol=1e-6)
        assert np.abs(found.thumbnail - wanted.thumbnail).max() <= STEP_HU / 2
        for name in (
            "labels",
            "sentence",
            "box",
            "patient_key",
            "study_key",
            "origin",
            "long_mm",
            "short_mm",
        ):
            assert getattr(found, name) == getattr(wanted, name), name
        assert bank.label_counts() == {"lung": 3, "nodule": 3}
        bank.verify()


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 60),
    k=st.integers(0, 70),
    coarse=st.booleans(),
    filtered=st.booleans(),
    spared=st.booleans(),
)
def test_a_query_finds_what_brute_force_finds(tmp_path_factory, seed, count, k, coarse, filtered, spared):
    """Ties included: coarse embeddings are often the same."""
    rng = np.random.default_rng(seed)
    vectors = rng.integers(-1, 2, size=(count, DIMENSION)) if coarse else rng.normal(size=(count, DIMENSION))
    vectors = vectors.astype(np.float32)
    vectors[~vectors.any(axis=1), 0] = 1
    labels = [("right lung", "lung") if flip else ("liver",) for flip in rng.random(count) < 0.5]
    patients = [f"p{number}" for number in rng.integers(0, 4, size=count)]
    with Bank.create(tmp_path_factory.mktemp("banks") / "bank", PACKAGE, DIMENSION) as bank:
        known = [made_up(i, vectors[i], labels[i], patients[i]) for i in range(count)]
        cut = count // 2
        bank.append(known[:cut])
        bank.append(known[cut:])
        query = vectors[rng.integers(count)] + (0 if coarse else rng.normal(size=DIMENSION) * 0.1)
        found = bank.query(
            query, k, label="lung" if filtered else None, exclude_patient="p1" if spared else None
        )
    *units, direction = (v.astype(float) / np.linalg.norm(v.astype(float)) for v in (*vectors, query))
    distances = np.array([np.sqrt(sum((u - direction) ** 2)) for u in units])
    allowed = [
        i
        for i in range(count)
        if (not filtered or "lung" in labels[i]) and (not spared or patients[i] != "p1")
    ]
    wanted = sorted(allowed, key=lambda i: (round(distances[i], 6), i))[:k]
    assert [one.distance for one in found] == pytest.approx(distances[wanted], abs=1e-6)
    assert {one.id for one in found} <= {f"lesion-{i}" for i in allowed}
    if not coarse:
        assert [one.id for one in found] == [f"lesion-{i}" for i in wanted]
    assert len({one.id for one in found}) == len(found)


def test_equals_come_in_the_order_they_came_in(tmp_path):
    with new_bank(tmp_path / "bank", 30, embedding=np.ones(DIMENSION, dtype=np.float32)) as bank:
        found = bank.query(np.ones(DIMENSION), 7)
    assert [one.id for one in found] == [f"lesion-{i}" for i in range(7)]
    assert all(one.distance == pytest.approx(0, abs=1e-6) for one in found)


def test_a_label_finds_what_implies_it(tmp_path):
    with Bank.create(tmp_path / "bank", PACKAGE, DIMENSION) as bank:
        bank.append(
            [
                made_up(0, labels=("right upper lobe",)),
                made_up(1, labels=("liver",)),
                made_up(2, labels=("lung",)),
            ]
        )
        assert {one.id for one in bank.query(np.ones(DIMENSION), label="lung")} == {"lesion-0", "lesion-2"}
        assert bank.query(np.ones(DIMENSION), label="spleen") == ()
        with pytest.raises(UsageError, match="no label named 'lnug'"):
            bank.query(np.ones(DIMENSION), label="lnug")


def test_another_package_is_refused(tmp_path):
    new_bank(tmp_path / "bank").close()
    with pytest.raises(InputError, match=r"made-up 1\.0 .*can't be compared"):
        Bank.open(tmp_path / "bank", "cd" * 32)
    Bank.open(tmp_path / "bank", None).close()


@pytest.mark.parametrize(
    "embedding",
    [np.ones(DIMENSION + 1), np.zeros(DIMENSION), np.full(DIMENSION, np.nan)],
    ids=["longer", "zero", "nan"],
)
def test_embeddings_that_are_none_are_refused(tmp_path, embedding):
    with new_bank(tmp_path / "bank", 2) as bank:
        with pytest.raises(InputError):
            bank.query(embedding)
        with pytest.raises(InputError):
            bank.append([made_up(7), made_up(8, embedding.astype(np.float32))])
        assert len(bank) == 2


def test_an_id_comes_once(tmp_path):
    with new_bank(tmp_path / "bank", 2) as bank:
        for again in ([made_up(3), made_up(1)], [made_up(4), made_up(4)]):
            with pytest.raises(UsageError, match="only once"):
                bank.append(again)
        assert len(bank) == 2
        bank.verify()


def test_one_process_appends_at_a_time(tmp_path):
    with new_bank(tmp_path / "bank", 1) as bank:
        with pytest.raises(LesionscopeError, match="Another process"):
            Bank.open(tmp_path / "bank", PACKAGE.sha256, writable=True)
        with Bank.open(tmp_path / "bank", PACKAGE.sha256) as reader:
            with pytest.raises(UsageError):
                reader.append([made_up(5)])
            bank.append([made_up(5)])
            assert {one.id for one in reader.query(np.ones(DIMENSION))} == {"lesion-0", "lesion-5"}
    Bank.open(tmp_path / "bank", PACKAGE.sha256, writable=True).close()


def test_another_process_is_refused_too(tmp_path):
    with new_bank(tmp_path / "bank", 1):
        done = subprocess.run(
            [sys.executable, APPENDER, tmp_path / "bank"], capture_output=True, text=True, check=False
        )
    assert done.returncode != 0
    assert "Another process is adding lesions" in done.stderr


def test_a_kill_at_any_moment_loses_nothing_that_was_acknowledged(tmp_path):
    """A process is killed again and again, now and then with half an append on the disk."""
    folder = tmp_path / "bank"
    new_bank(folder).close()
    moments = random.Random(5)
    said = 0
    watcher = Bank.open(folder, PACKAGE.sha256)
    for _ in range(5):
        with subprocess.Popen(
            [sys.executable, APPENDER, folder], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "open\n"
            threading.Timer(moments.uniform(0.0, 0.15), process.send_signal, [signal.SIGKILL]).start()
            acknowledged = process.stdout.read().split()
        assert process.returncode == -signal.SIGKILL
        said = int(acknowledged[-1]) if acknowledged else said
        if moments.random() < 0.5:
            assert said <= len(watcher) <= said + BATCH
        with Bank.open(folder, PACKAGE.sha256) as bank:
            bank.verify()
            held = len(bank)
            assert held % BATCH == 0
            assert said <= held <= said + BATCH
            assert bank.ids() == {f"lesion-{number}" for number in range(held)}
            said = held
            for number in range(0, held, 3):
                (first,) = bank.query(made_up(number).embedding, 1)
                assert (first.id, first.distance) == (f"lesion-{number}", pytest.approx(0, abs=1e-6))
    watcher.close()
    assert said > 0


def test_what_a_killed_append_left_is_written_over(tmp_path):
    folder = tmp_path / "bank"
    new_bank(folder, 2).close()
    with (folder / EMBEDDINGS).open("ab") as stream:
        stream.write(b"\x55" * 45)
    with Bank.open(folder, PACKAGE.sha256, writable=True) as bank:
        assert len(bank) == 2
        bank.append([made_up(2), made_up(3)])
        bank.verify()
        assert bank.query(made_up(3).embedding, 1)[0].id == "lesion-3"


def damage(folder: Path, what: str) -> None:
    path = folder / EMBEDDINGS
    if what == "cut":
        path.write_bytes(path.read_bytes()[:-4])
    elif what == "changed":
        data = bytearray(path.read_bytes())
        data[40] ^= 1
        path.write_bytes(data)
    elif what == "missing":
        path.unlink()
    elif what == "tables":
        (folder / TABLES).write_bytes(b"not a database at all" * 100)
    else:
        connection = sqlite3.connect(folder / TABLES)
        with connection:
            connection.execute(what)
        connection.close()


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ("cut", "is damaged .*holds 5 of its 6 embeddings"),
        ("changed", "is damaged .*was changed"),
        ("missing", "has no embeddings.f32"),
        ("tables", "is damaged"),
        ("PRAGMA user_version = 2", "newer Lesionscope"),
        ("PRAGMA application_id = 0", "is no bank"),
        ("DROP TABLE labels", "a table is missing"),
        ("DELETE FROM meta WHERE key = 'dimension'", "makes no sense"),
        ("DELETE FROM lesions WHERE row = 5", "not every lesion|was changed"),
        ("DELETE FROM appends", "not every lesion"),
    ],
)
def test_damage_is_said(tmp_path, what, sentence):
    folder = tmp_path / "bank"
    new_bank(folder, 6).close()
    damage(folder, what)
    with pytest.raises(InputError, match=sentence) as caught, Bank.open(folder, PACKAGE.sha256) as bank:
        bank.verify()
    assert str(folder) in str(caught.value)


def test_a_damaged_picture_is_said(tmp_path):
    folder = tmp_path / "bank"
    new_bank(folder, 1).close()
    damage(folder, "UPDATE lesions SET thumbnail = x'0100'")
    with (
        Bank.open(folder, PACKAGE.sha256) as bank,
        pytest.raises(InputError, match="picture of 'lesion-0' makes no sense"),
    ):
        bank.lesion("lesion-0")


def test_a_bank_that_nobody_may_write_opens(tmp_path):
    folder = tmp_path / "bank"
    new_bank(folder, 2).close()
    for path in (*folder.iterdir(), folder):
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        with Bank.open(folder, PACKAGE.sha256) as bank:
            assert len(bank.query(np.ones(DIMENSION))) == 2
    finally:
        folder.chmod(0o755)


def test_threads_may_share_a_bank(tmp_path):
    with new_bank(tmp_path / "bank", 50) as bank:
        wrong: list[int] = []

        def ask(number: int) -> None:
            if bank.query(made_up(number).embedding, 1)[0].id != f"lesion-{number}":
                wrong.append(number)

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong


def test_a_bank_is_found_by_path_name_and_package(tmp_path, monkeypatch):
    monkeypatch.setenv("LESIONSCOPE_DATA", str(tmp_path))
    new_bank(tmp_path / "banks" / "mine", 2).close()
    other = replace(PACKAGE, sha256="cd" * 32)
    Bank.create(tmp_path / "banks" / "a-first", other, DIMENSION).close()
    assert registry.bank_folder("mine") == tmp_path / "banks" / "mine"
    assert registry.bank_folder(tmp_path / "banks" / "mine") == tmp_path / "banks" / "mine"
    with pytest.raises(InputError, match=r"no bank .*'yours'.*a-first, mine"):
        registry.bank_folder("yours")
    found = registry.banks_for(PACKAGE.sha256).banks
    assert found is not None
    assert found.names == ("mine",)
    found.close()
    assert registry.banks_for("ef" * 32).banks is None


def test_what_was_given_is_kept_with_the_lesions_and_earlier_banks_are_gone_on_with(tmp_path):
    folder = tmp_path / "bank"
    new_bank(folder, 1).close()
    with closing(sqlite3.connect(folder / TABLES)) as tables:
        tables.execute("DROP TABLE given")
    with Bank.open(folder, PACKAGE.sha256) as bank:
        assert bank.ids() == {"lesion-0"}
    with Bank.open(folder, PACKAGE.sha256, writable=True) as bank:
        assert bank.given() == frozenset()
        bank.append([made_up(1)], {"a", "b"})
        bank.append([made_up(2)], {"b", "c"})
        with pytest.raises(UsageError):
            bank.append([made_up(2)], {"d"})
        assert bank.given() == {"a", "b", "c"}
        bank.verify()
