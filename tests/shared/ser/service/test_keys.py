"""Keys of callers and the command that makes them."""

from __future__ import annotations

import re
from contextlib import suppress
from hmac import compare_digest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser.service.callers import SCOPES
from ser.service.keys import configured_keys, find_key, line_of, main, new_key
from ser.service.settings import SettingsError


def test_a_new_key_is_random_printed_once_and_known_by_its_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = []
    for _ in range(2):
        main(["new", "--name", "alice", "--scope", "predict,train", "--jobs", "2"])
        key, line = re.findall(r"^(?:key|line): +(.*)$", capsys.readouterr().out, re.MULTILINE)
        assert len(key.removeprefix("serkey_")) == 43  # 256 bits in base64
        assert key not in line
        known = find_key(key, configured_keys(line))
        assert known is not None
        assert known.caller.name == "alice"
        assert known.caller.scopes == {"predict", "train"}
        assert (known.caller.max_jobs, known.caller.sound) == (2, None)
        found.append(key)
    assert found[0] != found[1]
    assert find_key(found[0], configured_keys(line)) is None


@pytest.mark.parametrize(
    "arguments", [["--name", "a b", "--scope", "predict"], ["--name", "a", "--scope", "fly"]]
)
def test_a_name_or_scope_that_is_not_allowed_is_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["new", *arguments])
    assert ended.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "allowed: a name of letters" in printed.err


def test_every_key_is_compared_in_constant_time_whichever_is_presented(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    secrets = [new_key() for _ in range(3)]
    lines = (line_of(key, f"holder-{number}", "predict") for number, key in enumerate(secrets))
    known = configured_keys(";".join(lines))
    compared: list[str] = []

    def noted(one: str, other: str) -> bool:
        compared.append(other)
        return compare_digest(one, other)

    monkeypatch.setattr("ser.service.keys.compare_digest", noted)
    for presented in (*secrets, new_key()):
        compared.clear()
        found = find_key(presented, known)
        assert (found is not None) is (presented in secrets)
        assert compared == [key.digest for key in known]


@given(
    st.lists(
        st.tuples(
            st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,20}", fullmatch=True),
            st.sets(st.sampled_from(SCOPES), min_size=1),
        ),
        max_size=5,
    )
)
def test_each_key_is_found_at_any_place_and_no_other(holders: list[tuple[str, set[str]]]) -> None:
    made = [(new_key(), name, ",".join(sorted(scopes))) for name, scopes in holders]
    keys = configured_keys("\n".join(line_of(*each) for each in made))
    for key, name, scopes in made:
        found = find_key(key, keys)
        assert found is not None
        assert (found.caller.name, ",".join(sorted(found.caller.scopes))) == (name, scopes)
    assert find_key(new_key(), keys) is None


@given(st.text(max_size=80))
def test_any_other_setting_is_refused_as_one(text: str) -> None:
    with suppress(SettingsError):
        assert configured_keys(text) == ()
