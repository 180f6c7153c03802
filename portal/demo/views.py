"""Sign in as one of the cast."""

from allauth.account.utils import perform_login
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from portal.accounts.models import User
from portal.demo.access import may_sign_in_as_cast
from portal.demo.people import CAST


@login_not_required
@require_POST
def demo_sign_in(request: HttpRequest) -> HttpResponse:
    """Sign in as the person named in the form; 404 wherever the demonstration is not allowed."""
    if not may_sign_in_as_cast(request):
        raise Http404
    emails = {person.key: person.email for person in CAST}
    email = emails.get(request.POST.get("person", ""))
    user = User.objects.filter(email=email, is_active=True).first() if email else None
    if user is None:
        raise Http404
    target = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    signed_in: HttpResponse = perform_login(request, user, redirect_url=target if safe else "/")
    return signed_in
