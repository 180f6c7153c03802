"""Fill an empty database with many varied questions, fast: rows, spans, links and search documents."""

import random
from datetime import timedelta

from django.db import connection, transaction
from django.utils import timezone

from portal.search import document
from requests_app.models import Answer, DataRequest, QuestionEvent, QuestionLink, StateSpan

BATCH = 2_000
# So many are written one by one; the others are copies of them with other people's eyes and dates.
WRITTEN = 20_000
OPEN_SHARE = 0.03
_SUBJECTS = (
    "flights,cancellations,delays,departures,arrivals,passengers,refunds,bookings,fares,routes,gates,crews"
)
_PLACES = "Boston,Newark,JFK,LaGuardia,Chicago,Atlanta,Denver,Dallas,Miami,Seattle,Houston,Phoenix"
_TIMES = "January,February,March,April,May,June,July,August,weekends,the storm,summer,the last quarter"
_WORDS = (
    "weather,wind,carrier,airport,newsletter,budget,forecast,contract,campaign,hotel,compensation,workbook"
)
_KO = "항공편,결항,지연,출발,도착,승객,환불,예약,운임,노선,주말,공항,날씨,캠페인,예산,보고서,평균,비율"
_STATES_OPEN = ("new", "ready", "in_progress", "needs_info", "blocked", "in_review")


def seed(count, *, askers, analysts, teams=(), key="ops.flights", seed=7):
    """Make ``count`` questions over three years; return how many are open then, copies counted too."""
    pick = random.Random(seed)
    texts = [_title(pick, number) for number in range(min(count, WRITTEN))]
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0) + 1 FROM requests_app_datarequest")
        first = cursor.fetchone()[0]
        cursor.execute(
            "SELECT indexname, indexdef FROM pg_indexes "
            "WHERE tablename = 'requests_app_datarequest' AND indexdef LIKE '%gin%'"
        )
        indexes = cursor.fetchall()
        # Built once at the end: row by row they cost more than everything else together.
        for name, _definition in indexes:
            cursor.execute(f"DROP INDEX {name}")
    written = min(count, WRITTEN)
    for start in range(0, written, BATCH):
        size = min(BATCH, written - start)
        with transaction.atomic():
            _batch(first + start, size, pick, texts, askers, analysts, teams, key)
    for copy in range(1, -(-count // written)):
        with transaction.atomic():
            _copy(first, written, copy)
    with connection.cursor() as cursor:
        # Foreign keys are checked at the commit; in a test that is now.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        for _name, definition in indexes:
            cursor.execute(definition)
        for table in ("datarequest", "answer"):
            name = f"requests_app_{table}"
            cursor.execute("SELECT setval(pg_get_serial_sequence(%s, 'id'), %s)", [name, first + count])
        for table in ("datarequest", "questionlink", "statespan", "answer", "questionevent"):
            # As autovacuum leaves them.
            cursor.execute(f"ANALYZE requests_app_{table}")
    return DataRequest.objects.open().count()


def _title(pick, number):
    subject, place, time = (pick.choice(words.split(",")) for words in (_SUBJECTS, _PLACES, _TIMES))
    more = " ".join(pick.sample(_WORDS.split(","), 2))
    if number % 3 == 0:
        korean = pick.sample(_KO.split(","), 4)
        title = f"{korean[0]} {korean[1]}{korean[2]} {korean[3]} {number % 977}번은 왜 그런가요?"
    else:
        title = f"How many {subject} to {place} in {time} {more} {number % 977}?"
    return title, document({"A": [title]}), document({"A": [title], "D": [more]})


def _batch(start, count, pick, texts, askers, analysts, teams, key):
    now = timezone.now()
    rows, found = [], []
    for number in range(start, start + count):
        title, title_search, search = texts[number % len(texts)]
        is_open = pick.random() < OPEN_SHARE
        created = now - timedelta(days=pick.random() * (20 if is_open else 1_000))
        state = pick.choice(_STATES_OPEN) if is_open else pick.choices(["closed", "answered"], [98, 2])[0]
        answered = None if is_open else created + timedelta(days=2)
        author = pick.choice(analysts)
        rows.append(
            DataRequest(
                pk=number,
                title=title,
                body="We decide by it. " * 8,
                requester=pick.choice(askers),
                on_behalf=pick.choice(teams) if teams else None,
                visibility=pick.choices(["company", "team", "private"], [90, 7, 3])[0],
                state=state,
                resume_state="new" if state == "needs_info" else "",
                block_reason="dataset" if state == "blocked" else "",
                assignee=None if state in ("new", "ready", "needs_info") else author,
                reviewer=author if state == "in_review" else None,
                priority=pick.choices([1, 2, 3, 4], [2, 13, 60, 25])[0],
                created_at=created,
                updated_at=created,
                state_since=answered or created,
                answered_at=answered,
                closed_at=answered if state == "closed" else None,
                answer_id=None if is_open else number,
                next_due_at=created + timedelta(days=9) if is_open and state != "needs_info" else None,
                title_search=title_search,
                search=search,
            )
        )
        if answered:
            found.append(
                Answer(
                    pk=number,
                    question_id=number,
                    body="It was so. " * 20,
                    status="published",
                    author=author,
                    published_at=answered,
                )
            )
    DataRequest.objects.bulk_create(rows)
    Answer.objects.bulk_create(found)
    StateSpan.objects.bulk_create(
        StateSpan(question=row, state=row.state, category=row.category, from_at=row.created_at)
        for row in rows
    )
    QuestionEvent.objects.bulk_create(
        QuestionEvent(question=row, kind="ask", to_state="new", actor="seed", version=1, at=row.created_at)
        for row in rows
    )
    QuestionLink.objects.bulk_create(
        QuestionLink(question=row, kind="dataset", key=f"{key}{row.pk % 200 or ''}", role="about")
        for row in rows[::2]
    )


def _copy(first, written, copy):
    """Copy the written questions with their answers, spans, events and links, inside the database."""
    shift = copy * written
    given = {
        DataRequest: {
            "id": f"id + {shift}",
            "answer_id": f"answer_id + {shift}",
            "number": "nextval('requests_question_number')",
            "created_at": f"created_at - interval '{copy} hours'",
            "visibility": "(ARRAY['company', 'company', 'company', 'company', 'team', 'private'])"
            "[1 + floor(random() * 6)::int]",
        },
        Answer: {"id": f"id + {shift}", "question_id": f"question_id + {shift}"},
    }
    for model in (DataRequest, Answer, StateSpan, QuestionEvent, QuestionLink):
        columns = [field.column for field in model._meta.concrete_fields]
        values = given.get(model, {"question_id": f"question_id + {shift}"})
        if model not in given:
            columns.remove("id")
        chosen = ", ".join(values.get(str(column), f'"{column}"') for column in columns)
        named = ", ".join(f'"{column}"' for column in columns)
        key = "id" if model is DataRequest else "question_id"
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {model._meta.db_table} ({named}) SELECT {chosen} "  # noqa: S608  Our own names.
                f"FROM {model._meta.db_table} WHERE {key} >= %s AND {key} < %s",
                [first, first + written],
            )
