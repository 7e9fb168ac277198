"""A flow with tasks, a retry, a subflow and logs; prints its run's id."""
from prefect import flow, get_run_logger, task
from prefect.context import FlowRunContext

tries = []


@task
def double(n):
    return 2 * n


@task(retries=2)
def second_time():
    tries.append(1)
    if len(tries) < 2:
        raise ValueError("the first try fails")
    return len(tries)


@flow
def child(n: int):
    return double(n) + 1


@flow(log_prints=True)
def parent(n: int = 3):
    print("printed by the flow")
    get_run_logger().warning("logged by the flow")
    total = sum(f.result() for f in [double.submit(i) for i in range(n)])
    return FlowRunContext.get().flow_run.id, total + second_time() + child(total)


run, result = parent(3)
assert result == 6 + 2 + 13, result
print("run", run)
