"""An endpoint may be a channel of Slack."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="endpoint",
            name="format",
            field=models.CharField(
                choices=[
                    ("json", "Another system, with signed JSON"),
                    ("slack", "A channel of Slack, with a message that leads here"),
                ],
                db_default="json",
                default="json",
                max_length=8,
            ),
        ),
    ]
