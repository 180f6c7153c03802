"""What somebody may change of an asset by hand."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from catalog.choices import Certification
from catalog.models import Asset
from portal.accounts.models import User


class WordsField(forms.CharField):
    """A list of words, typed with commas between them."""

    def prepare_value(self, value: Any) -> Any:
        """Show the list as it is typed."""
        return ", ".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        """Return the list, each word once."""
        typed = super().to_python(value) or ""
        return list(dict.fromkeys(filter(None, (word.strip() for word in typed.split(",")))))

    def validate(self, value: Any) -> None:
        """Refuse words that are too long and lists that nobody reads."""
        if len(value) > 20 or any(len(word) > 50 for word in value):
            raise forms.ValidationError(_("Give at most 20 words of at most 50 letters."))

    def run_validators(self, value: Any) -> None:
        """Look for characters that no database takes."""
        super().run_validators(", ".join(value))


class DescribeForm(forms.Form):
    """Words, owner and trust of an asset; what it held before is told by ``initial_of``."""

    name_en = forms.CharField(max_length=200, label=_("English name"))
    name_ko = forms.CharField(max_length=200, required=False, label=_("Korean name"))
    description_en = forms.CharField(
        max_length=5000,
        required=False,
        label=_("English description"),
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    description_ko = forms.CharField(
        max_length=5000,
        required=False,
        label=_("Korean description"),
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    synonyms = WordsField(
        required=False, label=_("Synonyms"), help_text=_("What people also call it, with commas between.")
    )
    tags = WordsField(required=False, label=_("Tags"), help_text=_("With commas between."))
    owner = forms.ModelChoiceField(
        queryset=User.objects.filter(is_active=True).order_by("name"),
        required=False,
        label=_("Owner"),
        empty_label=_("Nobody"),
    )
    certification = forms.ChoiceField(
        choices=Certification.choices,
        label=_("Trust"),
        help_text=_("Who certifies it vouches for it by name. A changed definition ends it."),
    )

    @staticmethod
    def initial_of(asset: Asset) -> dict[str, Any]:
        """Return what the form shows of an asset at first."""
        return {name: getattr(asset, name) for name in DescribeForm.base_fields}

    @property
    def words(self) -> dict[str, Any]:
        """The fields that describe, ready for ``assets.describe``."""
        return {name: value for name, value in self.cleaned_data.items() if name != "certification"}
