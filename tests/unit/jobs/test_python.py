"""What a pipeline publishes, as the catalog takes it up."""

from collections.abc import Callable

from catalog.models import Dataset
from catalog.published import PublishedColumn, PublishedDataset
from jobs.models import Job, Run
from jobs.runners.registry import runner_for
from tests.conftest import Cast


def test_what_a_private_job_publishes_is_its_teams(
    make_job: Callable[..., Job], start: Callable[..., Run], cast: Cast
) -> None:
    job = make_job(private=True, owner_email=cast.dan.email)
    shape = PublishedDataset(
        key="ops.salaries",
        name_en="Salaries",
        physical_name="ops.salaries",
        columns=[PublishedColumn(name="id", data_type="BIGINT")],
        row_count=1,
    )
    told = [shape, shape.model_copy(update={"key": "ops.pay", "physical_name": "ops.pay"})]
    told[1] = told[1].model_copy(update={"owner_email": cast.ben.email})
    outputs = {"published": [each.model_dump(mode="json") for each in told], "note": "x"}
    kept = runner_for("python").record(run=start(job), outputs=outputs)
    assert [each["key"] for each in kept["datasets"]] == ["ops.salaries", "ops.pay"]
    assert kept["note"] == "x"
    salaries, pay = (Dataset.objects.get(physical_name=each.physical_name).asset for each in told)
    # The pipeline's own word for an owner goes before the job's.
    assert (salaries.visibility, salaries.owner) == ("team", cast.dan)
    assert (pay.visibility, pay.owner) == ("team", cast.ben)
