"""Questions, answers, the people who answer, and the clocks."""

from requests_app.models.answer import Answer, DecisionRecord
from requests_app.models.around import Follower, QuestionLink
from requests_app.models.clock import Calendar, SlaClock, SlaPolicy
from requests_app.models.deflection import DeflectionEvent
from requests_app.models.history import QuestionEvent, StateSpan
from requests_app.models.question import DataRequest
from requests_app.models.staffing import Absence, DutyShift, Pool, PoolMember, Tour

__all__ = [
    "Absence",
    "Answer",
    "Calendar",
    "DataRequest",
    "DecisionRecord",
    "DeflectionEvent",
    "DutyShift",
    "Follower",
    "Pool",
    "PoolMember",
    "QuestionEvent",
    "QuestionLink",
    "SlaClock",
    "SlaPolicy",
    "StateSpan",
    "Tour",
]
