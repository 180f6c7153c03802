"""Routes of the API of questions."""

from django.urls import path

from requests_app.api import views

urlpatterns = [
    path("questions", views.QuestionsView.as_view(), name="api_questions"),
    path("questions/<int:number>", views.QuestionView.as_view(), name="api_question"),
    path("questions/<int:number>/answers", views.AnswersView.as_view(), name="api_question_answers"),
    path(
        "questions/<int:number>/transitions/<slug:name>",
        views.TransitionView.as_view(),
        name="api_question_transition",
    ),
]
