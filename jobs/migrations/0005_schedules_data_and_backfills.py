"""Schedules that people write on the page, starts by new data, and backfills."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


# Every schedule so far was stated by a definition in code.
_STATED = "UPDATE jobs_schedule SET from_code = true"


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0001_initial'),
        ('jobs', '0004_artifacts'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='DataTrigger',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('gathering', models.CharField(choices=[('any', 'As soon as one of them is published'), ('all', 'When each of them was published since the last start')], default='any', max_length=3)),
                ('params', models.JSONField(blank=True, default=dict)),
                ('enabled', models.BooleanField(default=True)),
                ('job', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='data_triggers', to='jobs.job')),
            ],
            options={
                'ordering': ['id'],
            },
        ),
        migrations.CreateModel(
            name='WatchedDataset',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('fresh_by', models.UUIDField(null=True)),
                ('dataset', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='catalog.dataset')),
                ('trigger', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='watched', to='jobs.datatrigger')),
            ],
            options={
                'ordering': ['id'],
                'constraints': [models.UniqueConstraint(fields=('trigger', 'dataset'), name='watched_dataset_once')],
            },
        ),
        migrations.AddField(
            model_name='run',
            name='partition',
            field=models.CharField(blank=True, db_default='', default='', max_length=10),
        ),
        migrations.AddField(
            model_name='schedule',
            name='from_code',
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.RunSQL(_STATED, reverse_sql=migrations.RunSQL.noop),
        migrations.AddField(
            model_name='schedule',
            name='missed',
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='schedule',
            name='missed_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AlterField(
            model_name='run',
            name='trigger',
            field=models.CharField(choices=[('manual', 'By hand'), ('api', 'By API'), ('schedule', 'By schedule'), ('after', 'After another job'), ('data', 'By new data'), ('backfill', 'By a backfill')], max_length=10),
        ),
        migrations.CreateModel(
            name='Backfill',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('parameter', models.CharField(max_length=100)),
                ('unit', models.CharField(choices=[('day', 'Day'), ('week', 'Week, from Monday'), ('month', 'Month')], max_length=5)),
                ('first', models.DateField()),
                ('last', models.DateField()),
                ('params', models.JSONField(blank=True, default=dict)),
                ('parallel', models.PositiveSmallIntegerField(default=1)),
                ('paused', models.BooleanField(default=False)),
                ('cancelled_at', models.DateTimeField(null=True)),
                ('once', models.CharField(max_length=300, unique=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('job', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='backfills', to='jobs.job')),
                ('requested_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-id'],
                'constraints': [
                    models.CheckConstraint(condition=models.Q(('parallel__gte', 1)), name='backfill_may_run'),
                    models.CheckConstraint(condition=models.Q(('first__lte', models.F('last'))), name='backfill_first_to_last'),
                ],
            },
        ),
        migrations.AddField(
            model_name='run',
            name='backfill',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='runs', to='jobs.backfill'),
        ),
        migrations.AddIndex(
            model_name='run',
            index=models.Index(condition=models.Q(('backfill__isnull', False)), fields=['backfill', 'partition', '-id'], name='run_of_backfill'),
        ),
        migrations.AddConstraint(
            model_name='run',
            constraint=models.UniqueConstraint(condition=models.Q(('backfill__isnull', False), ('rerun_of__isnull', True)), fields=('backfill', 'partition'), name='run_partition_once'),
        ),
        migrations.AddField(
            model_name='datatrigger',
            name='datasets',
            field=models.ManyToManyField(related_name='+', through='jobs.WatchedDataset', to='catalog.dataset'),
        ),
    ]
