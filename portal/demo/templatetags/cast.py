"""The cast, for the sign-in page."""

from typing import Any

from django import template

from portal.demo.access import may_sign_in_as_cast
from portal.demo.people import CAST, Person

register = template.Library()


@register.simple_tag(takes_context=True)
def demo_cast(context: dict[str, Any]) -> tuple[Person, ...]:
    """Return the people to sign in as; nobody unless this very request may do so."""
    return CAST if may_sign_in_as_cast(context["request"]) else ()
