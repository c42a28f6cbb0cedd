"""Events of a job, as pages and live."""

from event_streams import follow, frames

from prismlane.common import wire


def test_events_come_as_a_page(http, submit):
    job = submit("noop", wait_s=30)
    answer = http.get(job["links"]["events"])
    page = wire.EventPage.model_validate(answer.json())
    assert [event.type for event in page.events] == ["job.accepted", "attempt.claimed", "job.succeeded"]
    assert [event.seq for event in page.events] == [1, 2, 3]
    assert [event.id for event in page.events] == [f"{job['id']}/{seq}" for seq in (1, 2, 3)]
    assert (page.last_seq, page.ended) == (3, True)


def test_pages_of_events_follow_on_each_other(http, submit):
    job = submit("noop", wait_s=30)
    first = http.get(job["links"]["events"], params={"page_size": 2}).json()
    assert (first["last_seq"], first["ended"]) == (2, False)
    rest = http.get(job["links"]["events"], params={"after": first["last_seq"]}).json()
    assert [event["seq"] for event in rest["events"]] == [3]
    assert rest["ended"]
    beyond = http.get(job["links"]["events"], params={"after": 3}).json()
    assert (beyond["events"], beyond["ended"]) == ([], True)


def test_g8_live_events_from_submit_to_end_are_numbered_without_a_gap(http, submit, parts):
    job = submit("row_count", {"seconds": 0.3}, dataset=parts["id"])
    seen = list(follow(http, job["id"]))
    seqs = [frame.seq for frame in seen if frame.seq is not None]
    assert seqs == list(range(1, len(seqs) + 1))
    assert seen[0].data["type"] == "job.accepted"
    assert seen[-2].data["type"] == "job.succeeded"
    assert (seen[-1].event, seen[-1].data) == ("end", {"state": "succeeded"})
    stored = http.get(job["links"]["events"]).json()["events"]
    assert [frame.data for frame in seen if frame.seq] == stored


def test_progress_of_the_partitions_is_told_between_the_events(http, submit, parts):
    job = submit("row_count", {"seconds": 0.3}, dataset=parts["id"])
    told = [frame.data for frame in follow(http, job["id"]) if frame.event == "progress"]
    assert told
    assert {progress["total"] for progress in told} == {3}
    assert [progress["done"] for progress in told] == sorted(progress["done"] for progress in told)
    result = http.get(f"/v1/jobs/{job['id']}/result").json()
    assert result["output"] == {"n_rows": 600_000}


def test_g9_stream_is_resumed_without_a_double(http, submit):
    job = submit("noop", wait_s=30)
    headers = {"Accept": "text/event-stream", "Last-Event-ID": "1"}
    with http.stream("GET", job["links"]["events"], headers=headers) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-store"
        seen = list(frames(response))
    assert [frame.seq for frame in seen] == [2, 3, None]
    assert seen[-1].event == "end"


def test_g9_stream_that_the_server_closes_goes_on_where_it_ended(http, submit):
    job = submit("sleep", {"seconds": 5})
    headers = {"Accept": "text/event-stream"}
    with http.stream("GET", job["links"]["events"], headers=headers) as response:
        first = list(frames(response))
    assert first[-1].event != "end", "the stream was to be closed before the job ends"
    last = max(frame.seq for frame in first if frame.seq)
    rest = list(follow(http, job["id"], last))
    seqs = [frame.seq for frame in first + rest if frame.seq]
    assert seqs == list(range(1, len(seqs) + 1))
    assert rest[-1].data == {"state": "succeeded"}


def test_stream_of_an_ended_job_that_was_seen_to_its_end_says_so_at_once(http, submit):
    job = submit("noop", wait_s=30)
    headers = {"Accept": "text/event-stream"}
    with http.stream("GET", job["links"]["events"], headers=headers, params={"after": 3}) as response:
        assert [frame.event for frame in frames(response)] == ["end"]
