"""Checks what the server keeps of a completed run: states, task runs, logs."""
import json
import os
import sys
import time
import urllib.request

API, RUN = os.environ["PREFECT_API_URL"], sys.argv[1]


def ask(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(API + path, data, {"content-type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def until(what, get):
    end = time.monotonic() + 20
    while True:
        got = get()
        if got:
            return got
        assert time.monotonic() < end, what
        time.sleep(0.1)


run = until("completed", lambda: (r := ask("GET", f"/flow_runs/{RUN}"))["state_type"] == "COMPLETED" and r)
assert run["state"]["name"] == "Completed" and run["run_count"] == 1, run
states = [s["type"] for s in ask("GET", f"/flow_run_states/?flow_run_id={RUN}")]
assert states == ["PENDING", "RUNNING", "COMPLETED"], states
of_run = {"flow_runs": {"id": {"any_": [RUN]}}}
tasks = until(
    "all task runs completed",
    lambda: (t := ask("POST", "/task_runs/filter", of_run)) and {r["state_type"] for r in t} == {"COMPLETED"} and t,
)
for r in tasks:
    assert r["flow_run_id"] == RUN and r["end_time"] >= r["start_time"], r
logs = ask("POST", "/logs/filter", {"logs": {"flow_run_id": {"any_": [RUN]}}, "sort": "TIMESTAMP_ASC"})
assert any("by the flow" in line["message"] for line in logs), logs
print("checked", RUN, len(tasks), "task runs", len(logs), "log lines")
