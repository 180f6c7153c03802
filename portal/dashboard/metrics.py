"""The metrics of Today: those of the reader's teams first, each with its headline figure."""

from dataclasses import dataclass

from django.db.models import Case, IntegerField, Value, When

from catalog.choices import Certification
from catalog.definitions import Direction
from catalog.models import Metric
from catalog.series import Glance, glances
from portal.accounts.models import User


@dataclass(frozen=True, slots=True)
class ShownMetric:
    """One metric as a row of Today."""

    metric: Metric
    glance: Glance

    @property
    def is_limit(self) -> bool:
        """Whether its target is a limit to stay under."""
        return self.glance.figure.definition.direction is Direction.DOWN


def team_metrics(user: User, *, count: int) -> list[ShownMetric]:
    """Return the metrics of the person's teams first, then the company's; certified ones lead.

    Metrics without a figure yet are left out.
    """
    whole = IntegerField()
    own = Case(When(asset__team_id__in=user.team_ids, then=Value(0)), default=Value(1), output_field=whole)
    trusted = Case(
        When(asset__certification=Certification.CERTIFIED, then=Value(0)),
        When(asset__certification=Certification.DEPRECATED, then=Value(2)),
        default=Value(1),
        output_field=whole,
    )
    metrics = list(
        Metric.objects.visible_to(user)
        .filter(version__isnull=False, refreshed_at__isnull=False)
        .select_related("asset", "version")
        .order_by(own, trusted, "asset__name_en")[:count]
    )
    seen = glances(metrics)
    return [ShownMetric(metric, seen[metric.pk]) for metric in metrics if metric.pk in seen]
