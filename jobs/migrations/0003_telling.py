"""Tell of runs' ends from now on: what ended before is no news."""

from django.db import migrations, models

_START = """
    INSERT INTO jobs_tellingmark (id, event) SELECT 1, COALESCE(max(id), 0) FROM jobs_runevent
"""


class Migration(migrations.Migration):
    dependencies = [("jobs", "0002_warm_isolation")]

    operations = [
        migrations.CreateModel(
            name="TellingMark",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("event", models.BigIntegerField(default=0)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="telling_mark_one_row")
                ],
            },
        ),
        migrations.RunSQL(_START, reverse_sql=migrations.RunSQL.noop),
    ]
