"""The form of the answer's editor: its text, who reads it first, and why it comes without proof."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from portal.accounts.models import User
from requests_app.choices import Kind
from requests_app.models import Answer, DataRequest
from requests_app.step_forms import ColleagueField

LONGEST = 50_000


class AnswerForm(forms.Form):
    """What the writer sends; ``answer_version`` is the draft they started from (empty: there was none)."""

    body = forms.CharField(
        required=False,
        max_length=LONGEST,
        strip=False,
        label=pgettext_lazy("of a question", "Answer"),
        widget=forms.Textarea(attrs={"rows": 14}),
    )
    reviewer = forms.ChoiceField(required=False)
    without_evidence = forms.CharField(
        required=False,
        max_length=300,
        label=gettext_lazy("Why it has no evidence"),
        help_text=gettext_lazy("A number without its query cannot be computed again; the reason is kept."),
    )
    answer_version = forms.IntegerField(required=False, widget=forms.HiddenInput)
    version = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(
        self, question: DataRequest, draft: Answer | None, user: User, data: Mapping[str, Any] | None = None
    ) -> None:
        initial = {
            "body": draft.body if draft else "",
            "answer_version": draft.version if draft else None,
            "version": question.version,
            "reviewer": draft.reviewer_id if draft else None,
        }
        super().__init__(data, initial=initial)
        self.question = question
        self.fields["reviewer"] = ColleagueField(
            but=user, required=False, empty_label=_("Choose…"), label=gettext_lazy("Reviewer")
        )

    def ready(self, do: str, *, proven: bool) -> bool:
        """Say whether this can be done with what was sent; marks the fields that miss something."""
        if not self.is_valid():
            return False
        if not self.cleaned_data["body"].strip():
            self.add_error("body", _("Write the answer first."))
        if do == "submit" and self.cleaned_data["reviewer"] is None:
            self.add_error("reviewer", _("Choose who reads it."))
        if do == "publish" and not proven and self.needs_reason and not self.reason:
            self.add_error("without_evidence", _("Add evidence for the number, or say why there is none."))
        return not self.errors

    @property
    def needs_reason(self) -> bool:
        """Whether an answer of this kind stands on evidence."""
        return self.question.kind == Kind.NUMBER

    @property
    def reason(self) -> str:
        """Why it comes without evidence."""
        return str(self.cleaned_data.get("without_evidence") or "").strip()
