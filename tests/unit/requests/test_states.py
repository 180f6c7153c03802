"""Each state is reached by the actions people use."""

import pytest

from requests_app.choices import State
from tests.factories.questions import bring, make_policy, make_pool, make_question

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("state", list(State))
def test_every_state_is_reached(cast, state):
    make_policy()
    make_pool("central", cast.ben, cast.eun)
    question = bring(make_question(cast.ada), state, lead=cast.cleo, analyst=cast.ben, reviewer=cast.eun)

    question.refresh_from_db()
    assert question.state == state
    assert question.spans.filter(to_at=None).get().state == state
    assert question.events.first().kind == "ask"
