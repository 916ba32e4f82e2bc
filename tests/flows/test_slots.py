"""Places are never handed out twice, and a stage that needs several never waits while holding some."""

import threading

from hypothesis import given, settings
from hypothesis import strategies as st

from flows.slots import Slots


@settings(max_examples=25, deadline=None)
@given(places=st.integers(1, 4), wants=st.lists(st.integers(1, 6), min_size=1, max_size=12))
def test_places_are_never_handed_out_twice(places: int, wants: list[int]) -> None:
    slots, lock, held, most = Slots(places), threading.Lock(), [0], [0]

    def work(wanted: int) -> None:
        with slots.take(wanted):
            with lock:
                held[0] += min(wanted, places)
                most[0] = max(most[0], held[0])
            with lock:
                held[0] -= min(wanted, places)

    threads = [threading.Thread(target=work, args=(wanted,)) for wanted in wants]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    assert most[0] <= places
