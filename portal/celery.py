"""The Celery application: it carries wake-ups, nothing else (the run row in PostgreSQL is the truth).

Start a worker with ``celery -A portal worker``; it works, by polling PostgreSQL, without a broker too.
"""

import os
from typing import Any

import django
import structlog
from celery import Celery
from celery.app.amqp import AMQP
from django.conf import settings
from django.utils.module_loading import import_string
from kombu import Connection, Queue
from kombu.transport import redis

from portal.configuration import celery_broker_url

log = structlog.get_logger(__name__)

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
# The checks import every page; a worker shows none, and stays small without them.
os.environ.setdefault("CELERY_SKIP_CHECKS", "true")


# The longest pause, in seconds, before a lost broker is looked for again; kombu's own grows to half a minute.
LONGEST_PAUSE = 4


# What reading a message raises that is none: no text, no JSON, or not the parts that a message has.
_UNREADABLE = (ValueError, LookupError, TypeError, AttributeError)


class Channel(redis.Channel):
    """A channel that takes a message away which cannot be read, where kombu's would end the worker.

    What was fetched is gone from the broker, and it is told nothing more. It would be told by the thread that
    hears of the pool's work, which would wait for a hanging broker once for each message.
    """

    def _brpop_read(self, **options: Any) -> bool:
        try:
            return bool(super()._brpop_read(**options))  # type: ignore[misc]
        except _UNREADABLE as error:
            log.warning("message_refused", error=f"{type(error).__name__}: {error}"[:200])
            return True

    def basic_ack(self, delivery_tag: str, multiple: bool = False) -> None:
        """Say nothing."""

    def basic_reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Say nothing."""


class Transport(redis.Transport):
    """The way to Redis with such channels."""

    Channel = Channel


class Persistent(Connection):
    """A connection that finds a broker within seconds of its return, however long it was away."""

    def create_transport(self) -> Transport:
        """Return our way to Redis: no other broker can be configured."""
        return Transport(client=self)

    def ensure_connection(self, *args: Any, **options: Any) -> Any:
        """Try until it stands."""
        return super().ensure_connection(*args, **{"interval_max": LONGEST_PAUSE, **options})


class PersistentAMQP(AMQP):
    """Celery's maker of connections, making ours."""

    Connection = Persistent


class WakeUps(Celery):
    """Celery with our worker: its pool can be fed while no broker answers."""

    amqp_cls = "portal.celery:PersistentAMQP"

    @property
    def Worker(self) -> type[Any]:  # noqa: N802 - Celery's name
        """The worker class; loaded late, since only worker processes need it."""
        django.setup()
        worker: type[Any] = import_string("jobs.engine.worker.PollingWorker")
        return self.subclass_with_self(worker)


app = WakeUps("portal")
app.conf.update(
    broker_url=celery_broker_url(settings.REDIS_URL),
    # A hung broker is noticed within seconds; reading waits 1 s at a time, so 5 s of silence is a hang.
    broker_transport_options={
        "socket_timeout": 5,
        "socket_connect_timeout": 2,
        "retry_on_timeout": False,
        "health_check_interval": 5,
        "max_retries": 0,
        "global_keyprefix": f"{settings.REDIS_PREFIX}:wake-ups:",
    },
    broker_connection_timeout=2,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_pool_limit=1,
    accept_content=["json"],
    task_serializer="json",
    task_ignore_result=True,
    task_publish_retry=False,
    task_store_errors_even_if_ignored=False,
    task_default_queue="default",
    # No acknowledgement: a lost wake-up costs seconds, a doubled one nothing, and no result is kept.
    task_queues=[Queue(name, no_ack=True) for name in ("default", "etl", "reports")],
    # Wake-ups are fetched as they come and wait in the pool's own queue. A limit would be looked at only
    # every other second (there is no event loop), and so would delay the next trigger; a wake-up that waits
    # behind a long run costs nothing, since the run it speaks of waits in the database.
    worker_prefetch_multiplier=0,
    worker_pool_putlocks=False,
    worker_max_tasks_per_child=500,
    worker_concurrency=settings.WORKER_SLOTS,
    worker_enable_remote_control=False,
    worker_send_task_events=False,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    worker_lost_wait=2.0,
    enable_utc=True,
    imports=["jobs.tasks"],
)
# The default of every thread, the sender of wake-ups among them; "current" is the importing thread's only.
app.set_default()
