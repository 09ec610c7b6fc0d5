"""Restricted fields, and those that a deployment names, are sealed for their job; everything else stays in clear."""

from __future__ import annotations

import attrs
import msgspec
import pytest

import jobframe
from jobframe.client.jobs import Jobs
from jobframe.core import jobtype
from jobframe.core.errors import JobFailed, RestrictedField
from jobframe.core.job import State
from jobframe.core.keyring import NO_KEYS, Keyring, parse_keyring, written
from jobframe.store import policies
from jobframe.store.codec import decode_payload
from tests.fleet.workers import until

ONE, TWO = written("k1", b"1" * 32), written("k2", b"2" * 32)
SECRET = "4111-1111-1111-1111"
EVERYWHERE = [
    "work.secret",
    "work.secret_thread",
    "work.secret_process",
    "work.secret_batch",
    "work.secret_batch_process",
]
ENCRYPT = '[jobs."work.loop"]\nencrypt = ["text"]\n[jobs."work.secret"]\nencrypt = ["note"]'


@pytest.fixture(autouse=True)
def without_the_plugin(monkeypatch):
    """Let this process enqueue by what workers announced: another test may have left the plugin's types here."""
    monkeypatch.setattr(jobtype, "_declared", {})


@pytest.fixture
def keys(monkeypatch):
    """Let workers and clients that are started from here on have keys; returns what sets others."""

    def have(*entries):
        monkeypatch.setenv("JOBFRAME_KEYS", ",".join(entries))

    have(ONE)
    return have


@pytest.fixture
async def client(fleet):
    """Make clients of the fleet's namespace with keys; they have no handler."""
    made = []

    def make(*entries):
        made.append(Jobs(fleet.jobs.store, keyring=lambda: parse_keyring(",".join(entries))))
        return made[-1]

    yield make
    for jobs in made:
        await jobs.aclose()


async def envelope(fleet, id):
    """Read what the store holds of a job."""
    type_name, _, unique = id.partition(":")
    store = fleet.jobs.store
    return decode_payload(await store.redis.hget(store.keys.payload(type_name), unique))[1]


@pytest.mark.parametrize("type", EVERYWHERE)
async def test_a_handler_gets_what_was_sealed_wherever_it_runs(fleet, client, keys, type):
    async with fleet.here():
        handle = await client(ONE).enqueue(type, {"name": "ann", "number": SECRET}, delay="2s")
        kept = await envelope(fleet, handle.id)

        assert {"name": "ann"} == msgspec.json.decode(kept.body)
        assert ["number"] == list(kept.sealed)
        assert kept.sealed["number"].startswith("k1.")
        assert len(SECRET) == await handle.result(timeout=30)


async def test_the_fields_that_the_deployment_names_are_sealed_too(fleet, client, keys):
    fleet.configure(ENCRYPT)
    async with fleet.here():
        await fleet.jobs.pause("work.secret")
        secret = await client(ONE).enqueue("work.secret", {"number": SECRET, "note": "mind", "name": "ann"})
        loop = await client(ONE).enqueue("work.loop", {"text": SECRET})

        assert {"name": "ann"} == msgspec.json.decode((await envelope(fleet, secret.id)).body)
        assert {"number", "note"} == (await envelope(fleet, secret.id)).sealed.keys()
        assert "[payload]" == await loop.result(timeout=30)


async def test_without_a_key_it_is_refused_and_nothing_is_sent(fleet, keys):
    fleet.configure(ENCRYPT)
    async with fleet.here():
        for name, field, all_of_them in (("work.secret", "note", "number, pin, note"), ("work.loop", "text", "text")):
            with pytest.raises(RestrictedField, match=rf"restricted fields \({all_of_them}\): this process has no key"):
                await fleet.jobs.enqueue(name, {field: SECRET})

    assert 0 == sum((await fleet.jobs.counts()).values())


async def test_a_class_of_this_process_that_restricts_a_field_has_it_sealed(fleet, client, keys):
    @attrs.frozen
    class Mine:
        text: str = jobframe.restricted()

    async with fleet.here():
        await fleet.jobs.pause("work.loop")
        handle = await client(ONE).enqueue("work.loop", Mine(SECRET))

        assert ["text"] == list((await envelope(fleet, handle.id)).sealed)
        with pytest.raises(RestrictedField, match=r"restricted fields \(text\)"):
            await fleet.jobs.enqueue("work.loop", Mine(SECRET))


async def test_encrypt_may_change_while_jobs_are_queued(fleet, client, keys):
    jobs = client(ONE)
    async with fleet.here():
        await fleet.jobs.pause("work.loop")
        clear = await jobs.enqueue("work.loop", {"text": "from before"})
    fleet.configure(ENCRYPT)
    async with fleet.here():
        sealed = await jobs.enqueue("work.loop", {"do": "length", "text": SECRET})
        assert (await envelope(fleet, clear.id)).sealed is None
        assert ["text"] == list((await envelope(fleet, sealed.id)).sealed)
    fleet.configure()
    async with fleet.here():
        await fleet.jobs.resume("work.loop")
        again = await jobs.enqueue("work.loop", {"text": "in clear again"})

        assert ["from before", len(SECRET), "in clear again"] == [
            await each.result(timeout=30) for each in (clear, sealed, again)
        ]


async def test_a_job_that_was_encoded_under_an_older_policy_is_sealed_before_it_is_sent(fleet, client, keys):
    jobs = client(ONE)
    async with fleet.here():
        await jobs.enqueue("work.loop")
        await fleet.jobs.pause("work.loop")
        before = (await policies.read(fleet.jobs.store, ["work.loop"]))["work.loop"]
        after = attrs.evolve(before, policy=attrs.evolve(before.policy, encrypt=("text",)), digest="of another")
        await policies.apply(fleet.jobs.store, [after])

        handle = await jobs.enqueue("work.loop", {"do": "length", "text": SECRET})

        assert ["text"] == list((await envelope(fleet, handle.id)).sealed)
        await fleet.jobs.resume("work.loop")
        assert len(SECRET) == await handle.result(timeout=30)


@pytest.mark.parametrize("what", ["moved", "changed", "of another field"])
async def test_what_does_not_open_is_parked_once_and_told_without_a_value(fleet, client, keys, what):
    jobs = client(ONE)
    fleet.configure(ENCRYPT)
    async with fleet.here():
        await fleet.jobs.pause("work.secret")
        good = await jobs.enqueue("work.secret", {"number": SECRET, "note": "mind"})
        bad = await jobs.enqueue("work.secret", {"number": "x" * 19, "note": "heed"})
        await tamper(fleet, bad.id, what, (await envelope(fleet, good.id)).sealed)
        await fleet.jobs.resume("work.secret")

        assert len(SECRET) == await good.result(timeout=30)
        info = await until(lambda: parked(bad), "it is parked")
        assert info.reason.startswith("unreadable: field '")
        assert info.reason.endswith("does not open with key 'k1': it was changed or sealed for another job")
    async with fleet.here():  # another worker does not release it
        await (await jobs.enqueue("work.secret")).result(timeout=30)
    assert State.PARKED == await bad.status()
    assert 0 == (await bad.info()).attempts
    assert not fleet.ledger.starts()[bad.id]


async def tamper(fleet, id, what, others):
    store, (type_name, _, unique) = fleet.jobs.store, id.partition(":")
    kept = await envelope(fleet, id)
    sealed = dict(kept.sealed)
    if what == "moved":
        sealed["number"] = others["number"]
    elif what == "changed":
        sealed["note"] = sealed["note"][:-4] + ("AAAA" if sealed["note"][-4:] != "AAAA" else "BBBB")
    else:
        sealed = {"number": sealed["note"], "note": sealed["number"]}
    before = await store.redis.hget(store.keys.payload(type_name), unique)
    after = before[: before.index(b"\n") + 1] + msgspec.json.encode(msgspec.structs.replace(kept, sealed=sealed))
    await store.redis.hset(store.keys.payload(type_name), unique, after)


async def parked(handle):
    info = await handle.info()
    return info if info.state is State.PARKED else None


@pytest.mark.parametrize("type", EVERYWHERE)
@pytest.mark.parametrize("do", ["answer", "quote"])
async def test_a_result_that_holds_it_is_masked(fleet, client, keys, type, do):
    async with fleet.here():
        result = await (await client(ONE).enqueue(type, {"number": SECRET, "do": do})).result(timeout=30)

    assert {"answer": "[payload]", "quote": {"said": ["it was [payload]!"], "[payload]": True}}[do] == result


@pytest.mark.parametrize("type", EVERYWHERE)
@pytest.mark.parametrize("do", ["raise", "chained", "fail"])
async def test_reason_and_history_of_a_failure_do_not_hold_it(fleet, client, keys, type, do):
    fleet.configure('[defaults]\nmax_retries = 1\nbackoff = "none"')
    async with fleet.here():
        handle = await client(ONE).enqueue(type, {"number": SECRET, "do": do})
        with pytest.raises(JobFailed) as failed:
            await handle.result(timeout=30)

    info = await handle.info()
    assert info.errors
    assert SECRET not in f"{failed.value} {info}"
    assert "[payload]" in str(info)


async def test_a_follow_up_is_sealed_under_its_own_id(fleet, client, keys):
    async with fleet.here():
        parents = [await client(ONE).enqueue(name, {"number": SECRET, "do": "secretly"}) for name in EVERYWHERE[:3]]
        followed = [await fleet.jobs.job(await parent.result(timeout=30)) for parent in parents]

        assert [len(SECRET)] * 3 == [await each.result(timeout=30) for each in followed]


async def test_a_restricted_value_in_an_old_shape_reaches_the_upcast_and_is_masked_in_the_new_one(
    fleet, client, keys, monkeypatch
):
    monkeypatch.setenv("ACME_VERSION", "1")
    fleet.configure('[jobs."work.versioned"]\nencrypt = ["text"]')
    (old,) = await fleet.start(1, "--type", "work.versioned")
    await fleet.jobs.pause("work.versioned")
    handle = await client(ONE).enqueue("work.versioned", {"text": SECRET})
    fleet.kill(old)
    monkeypatch.setenv("ACME_VERSION", "2")
    await fleet.start(1, "--type", "work.versioned")
    await fleet.jobs.resume("work.versioned")

    assert "[payload]" == await handle.result(timeout=40)


def test_no_key_is_a_keyring_too():
    assert Keyring() == NO_KEYS
