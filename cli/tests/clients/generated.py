"""Uses a client that openapi-python-client generated: makes a flow and a run, reads lists and nulls, and an error."""
import os
import sys

sys.path.insert(0, sys.argv[1])
from mintaka_client import Client
from mintaka_client.api.flow_runs import create_flow_run, filter_flow_runs, set_flow_run_state
from mintaka_client.api.flows import create_flow
from mintaka_client.models import FlowRunsQuery, FlowCreate, FlowRunCreate, SetStateBody, StateCreate, StateCreateType, ValidationErrors

client = Client(base_url=os.environ["PREFECT_API_URL"])
flow = create_flow.sync(client=client, body=FlowCreate(name="generated"))
assert flow.name == "generated", flow
run = create_flow_run.sync(client=client, body=FlowRunCreate(flow_id=flow.id))
assert run.state_type == "PENDING" and run.start_time is None and run.deployment_id is None, run
answer = set_flow_run_state.sync(run.id, client=client, body=SetStateBody(state=StateCreate(type_=StateCreateType.RUNNING)))
assert answer.status == "ACCEPT", answer
runs = filter_flow_runs.sync(client=client, body=FlowRunsQuery(limit=10))
assert [r.id for r in runs] == [run.id] and runs[0].start_time is not None, runs
refused = filter_flow_runs.sync_detailed(client=client, body=FlowRunsQuery(limit=1000))
assert refused.status_code == 422 and isinstance(refused.parsed, ValidationErrors), refused
assert "200" in refused.parsed.detail, refused
print("read", run.name)
