"""Any order of recording, acknowledging, ageing, restarting, failing, rolling back and damaging keeps I1 to I4."""

import dataclasses
import json
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from support.store_world import DAY_US, World, picture, sql

from agent.store.chain import verify_chain
from agent.store.watch_store import WatchStore


class PowerCutError(Exception):
    """Stands for the process ending in the middle of a transaction."""


class Box(RuleBasedStateMachine):
    """The model: what was answered, what HQ has, which rule state was last answered."""

    @initialize()
    def install(self):
        self.folder = Path(tempfile.mkdtemp())
        self.world = World(self.folder)
        self.store = self.world.watch()
        self.answered: list[str] = []
        self.at_hq: set[str] = set()
        self.slots: dict[int, str] = {}
        self.pictures: dict[str, bytes] = {}

    def teardown(self):
        if hasattr(self, "store"):
            self.store.close()
            shutil.rmtree(self.folder)

    @rule(place=st.integers(0, 2), shots=st.integers(0, 2), repeats=st.integers(1, 2))
    def record(self, place, shots, repeats):
        slot = self.world.slot(place)
        images = [picture(f"{len(self.answered)} {number}", 600, kind=f"kind {number}") for number in range(shots)]
        event = self.world.incident_event(slot, "incident.open", *images)
        for _ in range(repeats):
            self.store.record([event], [slot], (), images)
        self.answered.append(event.id)
        self.slots[place] = slot.incident
        self.pictures.update({image.sha256: image.content for image in images})

    @rule(place=st.integers(0, 2))
    def free(self, place):
        key = self.world.slot(place).key
        event = self.world.event("incident.gone")
        self.store.record([event], (), [key], ())
        self.answered.append(event.id)
        self.slots.pop(place, None)

    @rule(place=st.integers(0, 2), after=st.integers(0, 2))
    def die_in_the_middle(self, place, after):
        """The signer fails at the nth event: nothing of the call may be there, neither events nor rule state."""
        self.store.close()
        left = [after]

        def dying(body):
            if not left[0]:
                raise PowerCutError
            left[0] -= 1
            return self.world.signer("watch")(body)

        store = WatchStore(self.world.settings, dying, self.world.clock)
        slots = [self.world.slot(number) for number in range(3)]
        try:
            store.record([self.world.incident_event(slot) for slot in slots], slots, (), ())
        except PowerCutError:
            store.close()
        self.store = self.world.watch()

    @rule()
    def restart(self):
        self.store.close()
        self.world.migrate()
        self.store = self.world.watch()

    @rule(days=st.integers(0, 40))
    def age(self, days):
        for _ in range(min(days, 8)):
            self.world.clock.sleep(max(1, days // 8) * DAY_US / 1e6)
            self.store.retain(self.world.clock.now())

    @rule(share=st.floats(0, 1))
    def hq_takes_some(self, share):
        _, rows = self.current()
        count = round(len(rows) * share)
        if count:
            self.world.ack("a", rows[count - 1].seq)
            self.at_hq |= {row.event_id for row in rows[:count]}

    @rule(lost=st.integers(1, 3), share=st.floats(0, 1))
    def roll_the_disk_back(self, lost, share):
        """Watch's files go back in time, link.db does not; what neither they nor HQ have is truly lost."""
        self.store.close()
        image = self.folder / "image"
        image.mkdir(exist_ok=True)
        for name in ("watch.db", "media.db"):
            shutil.copy(self.world.settings.state_dir / name, image / name)
        before = (list(self.answered), dict(self.slots), dict(self.pictures))
        self.store = self.world.watch()
        for place in range(lost):
            self.record(place, 1, 1)
        self.hq_takes_some(share)
        self.store.close()
        for name in ("watch.db", "media.db"):
            shutil.copy(image / name, self.world.settings.state_dir / name)
        self.answered, self.slots, self.pictures = before
        self.store = self.world.watch()
        self.world.clock.sleep(1)

    def current(self):
        reader = self.world.reader("watch.db", "a")
        head = reader.heads()[-1]
        rows = reader.rows("a", head.epoch, 0, 10**6)
        reader.close()
        return head, rows

    @invariant()
    def answered_events_are_here_or_at_hq_once(self):
        if not hasattr(self, "store"):
            return
        ids = [row[0] for row in sql(self.world.settings.watch_db, "SELECT event_id FROM log_a ORDER BY seq")]
        assert len(ids) == len(set(ids))
        missing = set(self.answered) - set(ids)
        assert missing <= self.at_hq, "an event that HQ does not have was deleted"

    @invariant()
    def the_outbox_holds_what_hq_lacks(self):
        if not hasattr(self, "store"):
            return
        head, rows = self.current()
        link = self.world.link()
        watermark = link.watermark("a", head.epoch)
        link.close()
        assert watermark <= head.head_seq
        waiting = {row.event_id for row in rows if row.seq > watermark}
        assert set(self.answered) - waiting <= self.at_hq
        assert [row.seq for row in rows] == list(range(head.oldest_seq, head.head_seq + 1))
        assert verify_chain(rows, self.world.signer("watch").public) is None

    @invariant()
    def rule_state_is_what_was_last_answered(self):
        if not hasattr(self, "store"):
            return
        slots = {slot.key.slot: slot.incident for slot in self.store.slots()}
        assert slots == self.slots

    @invariant()
    def pictures_of_events_here_are_here(self):
        if not hasattr(self, "store"):
            return
        reader = self.world.reader("media.db", "m")
        for (body,) in sql(self.world.settings.watch_db, "SELECT body FROM log_a WHERE incident IS NOT NULL"):
            for ref in json.loads(body)["incident"].get("images", ()):
                assert reader.image_by_sha(ref["sha256"]).content == self.pictures[ref["sha256"]]
        reader.close()


TestBox = Box.TestCase
TestBox.settings = settings(
    max_examples=12,
    stateful_step_count=14,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def test_field_of_a_slot_is_never_forgotten(tmp_path):
    """A new field of Slot must be stored, or rule state would not survive a restart whole."""
    world = World(tmp_path)
    store = world.watch()
    slot = world.slot()
    store.record((), [slot], (), ())
    assert dataclasses.asdict(store.slots()[0]) == dataclasses.asdict(slot)
    store.close()
