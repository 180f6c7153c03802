"""Routes of questions."""

from django.urls import path

from requests_app.views.answer import answer, answer_autosave
from requests_app.views.answer_query import question_query
from requests_app.views.ask import ask, ask_answered, ask_known, ask_me_too, ask_opened
from requests_app.views.bulk import bulk, take_next
from requests_app.views.citation import question_citation, question_cite
from requests_app.views.evidence import (
    question_evidence,
    question_evidence_file,
    question_evidence_verify,
)
from requests_app.views.question import question
from requests_app.views.report import question_report
from requests_app.views.requests import requests
from requests_app.views.step import step, undo
from requests_app.views.triage import triage

urlpatterns = [
    path("", requests, name="requests"),
    path("ask/", ask, name="ask"),
    path("ask/known/", ask_known, name="ask_known"),
    path("ask/opened/", ask_opened, name="ask_opened"),
    path("ask/answered/", ask_answered, name="ask_answered"),
    path("ask/me-too/", ask_me_too, name="ask_me_too"),
    path("bulk/", bulk, name="requests_bulk"),
    path("next/", take_next, name="take_next"),
    path("triage/", triage, name="triage"),
    path("<int:number>/", question, name="question"),
    path("<int:number>/answer/", answer, name="question_answer"),
    path("<int:number>/answer/save/", answer_autosave, name="question_answer_save"),
    path("<int:number>/answer/query/", question_query, name="question_query"),
    path("<int:number>/answer/report/", question_report, name="question_report"),
    path("<int:number>/answer/cite/", question_cite, name="question_cite"),
    path("<int:number>/answer/evidence/<int:pk>/", question_citation, name="question_citation"),
    path("<int:number>/evidence/<int:pk>/", question_evidence, name="question_evidence"),
    path("<int:number>/evidence/<int:pk>/csv/", question_evidence_file, name="question_evidence_file"),
    path("<int:number>/evidence/<int:pk>/verify/", question_evidence_verify, name="question_evidence_verify"),
    path("<int:number>/undo/", undo, name="question_undo"),
    path("<int:number>/<slug:name>/", step, name="question_step"),
]
