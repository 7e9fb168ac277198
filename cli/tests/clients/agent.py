"""2.x: a deployment with a work queue, a run of it, and an agent that executes it."""
import os
import subprocess
import sys
import time

from prefect import flow
from prefect.client.orchestration import get_client
from prefect.deployments import Deployment, run_deployment


@flow(log_prints=True)
def by_agent(x: int = 1):
    print("ran by the flow", x)
    return x


if __name__ == "__main__":
    here = os.path.dirname(os.path.abspath(__file__))
    deployment = Deployment.build_from_flow(
        by_agent, "through-a-queue", work_queue_name="queue-of-tests", path=here, entrypoint="agent.py:by_agent"
    )
    deployment.apply()
    prefect = os.path.join(os.path.dirname(sys.executable), "prefect")
    agent = subprocess.Popen([prefect, "agent", "start", "-q", "queue-of-tests"])
    try:
        run = run_deployment("by-agent/through-a-queue", parameters={"x": 5}, timeout=90, poll_interval=0.5)
        assert run.state.is_completed(), run.state
        assert run.parameters == {"x": 5}, run.parameters
        assert run.work_queue_name == "queue-of-tests", run.work_queue_name
    finally:
        agent.terminate()
        agent.wait(20)
    print("completed", run.id)
