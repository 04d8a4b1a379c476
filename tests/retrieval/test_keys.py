"""Keys tell patients apart, and nothing else."""

from __future__ import annotations

import hashlib
import hmac
import os

import pytest

from lesionscope.ct.volume import Patient, Source
from lesionscope.errors import InputError
from lesionscope.retrieval import keys

SECRET = bytes(range(32))


def test_a_key_is_an_hmac_of_the_identifier():
    source = Source("1.2.3", study_uid="1.2", patient=Patient("DOE^JOHN", "4711"))
    expected = hmac.new(SECRET, b"patient\x004711", hashlib.sha256).hexdigest()[:32]
    assert keys.patient_key(SECRET, source) == expected
    assert (
        keys.study_key(SECRET, source) == hmac.new(SECRET, b"study\x001.2", hashlib.sha256).hexdigest()[:32]
    )
    assert keys.patient_key(bytes(32), source) != expected


def test_a_name_stands_in_for_a_number_and_the_study_for_both():
    named = Source("1.2.3", study_uid="1.2", patient=Patient("DOE^JOHN"))
    later = Source("1.9.3", study_uid="1.9", patient=Patient("DOE^JOHN"))
    assert keys.patient_key(SECRET, named) == keys.patient_key(SECRET, later)
    nobody = [Source("1.2.3", study_uid="1.2"), Source("1.2.4", study_uid="1.2"), Source("1.5.1")]
    first, second, third = (keys.patient_key(SECRET, one) for one in nobody)
    assert first == second != third


def test_a_name_has_one_key_however_it_is_spelled():
    def source(name, born="19600101"):
        return Source("1.2.3", study_uid="1.2", patient=Patient(name, birth_date=born))

    spelled = [source(name) for name in ("Doe^Jane", "DOE^JANE^^", " doe^ Jane")]
    (one,) = {keys.patient_key(SECRET, each) for each in spelled}
    others = [source("Doe^Jane", "19600102"), source("Doe^Janet")]
    assert one not in {keys.patient_key(SECRET, other) for other in others}
    # Earlier versions took the name as it stood: what they wrote is found again.
    earlier = keys.key(SECRET, "patient", "Doe^Jane\x0019600101")
    assert keys.patient_keys(SECRET, spelled[0]) == (one, earlier)
    numbered = Source("1.2.3", patient=Patient("Doe^Jane", "4711"))
    assert keys.patient_keys(SECRET, numbered) == (keys.patient_key(SECRET, numbered),)


def test_the_secret_is_made_once_and_for_its_owner_alone(tmp_path):
    secret = keys.site_secret(tmp_path / "data")
    assert len(secret) == keys.SECRET_BYTES
    assert keys.site_secret(tmp_path / "data") == secret != keys.site_secret(tmp_path / "other")
    if os.name == "posix":
        assert (tmp_path / "data" / keys.SECRET_FILE).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "data").iterdir()] == [keys.SECRET_FILE]


@pytest.mark.parametrize("content", ["", "abcd", "no hex at all", "é"])
def test_a_damaged_secret_is_never_replaced(tmp_path, content):
    path = tmp_path / keys.SECRET_FILE
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match="is not a site's secret"):
        keys.site_secret(tmp_path)
    assert path.read_text(encoding="utf-8") == content
