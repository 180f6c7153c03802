"""The cast: six people of two business teams and a data team; the tests play them too."""

from dataclasses import dataclass

from django.utils.translation import get_language

from portal.accounts.models import Membership, Team, User
from portal.accounts.permissions import Role

DOMAIN = "example.com"


@dataclass(frozen=True, slots=True)
class Person:
    """One of the cast."""

    key: str
    name: str
    roles: tuple[Role, ...]
    teams: tuple[str, ...]
    line_en: str
    line_ko: str
    language: str = ""
    time_zone: str = "Asia/Seoul"

    @property
    def email(self) -> str:
        """The e-mail they sign in with."""
        return f"{self.key}@{DOMAIN}"

    @property
    def line(self) -> str:
        """What they do, in the reader's language."""
        return self.line_ko if get_language() == "ko" else self.line_en


@dataclass(frozen=True, slots=True)
class Group:
    """A team of the cast."""

    key: str
    name_en: str
    name_ko: str
    kind: str


TEAMS = (
    Group("marketing", "Marketing", "마케팅", Team.Kind.BUSINESS),
    Group("finance", "Finance", "재무", Team.Kind.BUSINESS),
    Group("data", "Data team", "데이터팀", Team.Kind.DATA),
)

CAST = (
    Person(
        "ada",
        "Ada Yoon",
        (Role.BUSINESS,),
        ("marketing",),
        "Marketing, asks questions",
        "마케팅, 질문하는 사람",
    ),
    Person(
        "ben",
        "Ben Cho",
        (Role.ANALYST,),
        ("data", "marketing"),
        "Analyst placed in Marketing",
        "마케팅에 파견된 분석가",
    ),
    Person(
        "cleo", "Cleo Han", (Role.LEAD, Role.ADMINISTRATOR), ("data",), "Leads the data team", "데이터팀 리더"
    ),
    Person("dan", "Dan Seo", (Role.ENGINEER,), ("data",), "Data engineer", "데이터 엔지니어"),
    Person("eun", "Eun Park", (Role.SCIENTIST, Role.ANALYST), ("data",), "Data scientist", "데이터 과학자"),
    Person(
        "finn",
        "Finn Oh",
        (Role.BUSINESS,),
        ("finance",),
        "Finance, needs the month's number",
        "재무, 이달의 숫자가 필요한 사람",
    ),
)


def load_people() -> dict[str, User]:
    """Create the teams and people that are missing; return everybody of the cast by key."""
    teams = {
        group.key: Team.objects.get_or_create(
            key=group.key, defaults={"name_en": group.name_en, "name_ko": group.name_ko, "kind": group.kind}
        )[0]
        for group in TEAMS
    }
    people: dict[str, User] = {}
    for person in CAST:
        user = User.objects.filter(email=person.email).first() or User.objects.create_user(
            person.email,
            name=person.name,
            roles=list(person.roles),
            language=person.language,
            time_zone=person.time_zone,
        )
        for team in person.teams:
            Membership.objects.get_or_create(user=user, team=teams[team])
        people[person.key] = user
    return people
