"""What a comment does to the question it is about."""

from django.db import transaction
from django.db.models import Q

from portal.accounts.models import User
from portal.accounts.permissions import Permission
from portal.audit.actions import Actor
from requests_app import clocks, moment
from requests_app.actions.asker import awake_on_reply
from requests_app.actions.moving import move, refresh
from requests_app.choices import State
from requests_app.models import DataRequest
from requests_app.transitions import Effect, find


@transaction.atomic
def commented(*, question: DataRequest, user: User, by: Actor, comment: int) -> None:
    """Let a comment that everybody sees count: the asker's reply moves on, the team's first is a response.

    The comment itself is told by the discussion, so nothing is told here.
    """
    asker = question.requester_id == user.pk
    if asker and question.state == State.NEEDS_INFO:
        row = find("reply", question.state)
        if row is None:
            raise RuntimeError("the table has no reply")
        to = State(question.resume_state)
        data = {"comment": comment}
        move(question, row, user=user, by=by, to=to, changes=awake_on_reply(question), data=data)
        return
    if asker:
        changes = awake_on_reply(question)
        if changes:
            DataRequest.objects.filter(pk=question.pk).update(**changes)
            refresh(question)
        clocks.refresh(question, effects=[Effect.ASKER_WAITS], user=user)
    elif user.may(Permission.ANSWER_QUESTIONS):
        fresh = Q(pk=question.pk, first_response_at=None)
        DataRequest.objects.filter(fresh).update(first_response_at=moment.now())
        refresh(question)
        clocks.refresh(question, effects=[Effect.UPDATED], user=user)
