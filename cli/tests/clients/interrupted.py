"""A flow that waits in its middle until a file exists; the server is killed and started again meanwhile."""
import os
import sys
import time

from prefect import flow, task
from prefect.context import FlowRunContext

GATE = sys.argv[1]


@task
def step(n):
    return n + 1


@flow(log_prints=True)
def interrupted():
    print("printed by the flow")
    first = step(1)
    os.write(1, f"middle {FlowRunContext.get().flow_run.id}\n".encode())  # print would be logged
    while not os.path.exists(GATE):
        time.sleep(0.05)
    return step(first)


assert interrupted() == 3
