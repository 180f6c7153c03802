"""Only mail is offered beside the inbox."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("notifications", "0001_initial")]

    operations = [
        migrations.AlterField(
            model_name="outbox",
            name="channel",
            field=models.CharField(choices=[("mail", "E-mail")], max_length=10),
        ),
        migrations.AlterField(
            model_name="preference",
            name="channel",
            field=models.CharField(choices=[("mail", "E-mail")], max_length=10),
        ),
    ]
