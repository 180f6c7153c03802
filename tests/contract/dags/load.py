"""The DAGs of the contract test, read by Airflow and by nobody else."""

import time
from typing import Any

from airflow.sdk import DAG, get_current_context, task  # type: ignore[import-not-found]


@task  # type: ignore[untyped-decorator]
def extract() -> int:
    """Take as long as the run's conf says, or fail."""
    conf: dict[str, Any] = get_current_context()["dag_run"].conf or {}
    time.sleep(float(conf.get("seconds", 0)))
    if conf.get("fail"):
        raise ValueError("as was asked")
    return len(str(conf.get("day", "")))


@task  # type: ignore[untyped-decorator]
def publish(letters: int) -> None:
    """Say what came."""
    print(letters)  # noqa: T201


with DAG("load", schedule=None, catchup=False):
    publish(extract())

with DAG("paused", schedule=None, catchup=False, is_paused_upon_creation=True):
    publish(0)
