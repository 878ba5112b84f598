"""``make soak``, for seconds."""

from __future__ import annotations

from resilience.soak import served, soak


def test_clients_get_no_errors_and_memory_is_measured() -> None:
    with served() as (url, processes):
        found = soak(url, processes, minutes=0.1, clients=4)
        assert not [each for each in found.problems if "memory" not in each]
        assert found.figures["answers"] > 20
        assert found.figures["memory after the first minute, MiB"] > 50
        # Another status than the expected one is an error.
        wrong = soak(f"{url}/nowhere", processes, minutes=0.02, clients=1)
    assert wrong.figures["errors"] == wrong.figures["answers"]
