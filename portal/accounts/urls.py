"""Routes of portal.accounts: signing in (by allauth), one's own account, people and teams."""

from allauth.account import views as allauth
from django.urls import path, re_path
from django.views.decorators.http import require_http_methods, require_safe

from portal.accounts.views import csp, first_administrator, people, profile, sessions, teams, tokens, views

# allauth's views take PUT for POST and answer OPTIONS; ours take what a browser sends.
form = require_http_methods(["GET", "HEAD", "POST"])

urlpatterns = [
    # Only what we need of allauth: nobody signs up, and e-mails are managed by administrators.
    path("account/login/", form(allauth.login), name="account_login"),
    path("account/logout/", form(allauth.logout), name="account_logout"),
    path("account/inactive/", require_safe(allauth.account_inactive), name="account_inactive"),
    path("account/password/change/", form(allauth.password_change), name="account_change_password"),
    path("account/password/set/", form(allauth.password_set), name="account_set_password"),
    path("account/password/reset/", form(allauth.password_reset), name="account_reset_password"),
    path(
        "account/password/reset/done/",
        require_safe(allauth.password_reset_done),
        name="account_reset_password_done",
    ),
    re_path(
        r"^account/password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        form(allauth.password_reset_from_key),
        name="account_reset_password_from_key",
    ),
    path(
        "account/password/reset/key/done/",
        require_safe(allauth.password_reset_from_key_done),
        name="account_reset_password_from_key_done",
    ),
    # One's own account.
    path("account/", profile.profile, name="profile"),
    path("account/sign-out-everywhere/", sessions.sign_out_everywhere, name="sign_out_everywhere"),
    path("account/sessions/", sessions.sessions, name="sessions"),
    path("account/sessions/<int:pk>/end/", sessions.session_end, name="session_end"),
    path("account/tokens/", tokens.tokens, name="tokens"),
    path("account/tokens/add/", tokens.token_add, name="token_add"),
    path("account/tokens/<int:pk>/revoke/", tokens.token_revoke, name="token_revoke"),
    path("account/views/add/", views.view_add, name="view_add"),
    path("account/views/<int:pk>/remove/", views.view_remove, name="view_remove"),
    # People and teams.
    path("people/", people.people, name="people"),
    path("people/add/", people.person_add, name="person_add"),
    path("people/<int:pk>/", people.person, name="person"),
    path("people/<int:pk>/deactivate/", people.person_deactivate, name="person_deactivate"),
    path("people/<int:pk>/activate/", people.person_activate, name="person_activate"),
    path("people/<int:pk>/password-link/", people.person_password_link, name="person_password_link"),
    path("people/teams/", teams.teams, name="teams"),
    path("people/teams/add/", teams.team_add, name="team_add"),
    path("people/teams/<slug:key>/", teams.team, name="team"),
    # The way in of a new installation, and the reports of browsers.
    path(
        "first-administrator/<str:token>/",
        first_administrator.first_administrator,
        name="first_administrator",
    ),
    path("csp-report", csp.csp_report, name="csp_report"),
]
