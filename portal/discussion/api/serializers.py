"""What the API shows of a discussion, field by field."""

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from portal.discussion.models import Attachment, Comment


class FileSerializer(serializers.ModelSerializer[Attachment]):
    """A file of a comment; its page is fetched by a signed-in person."""

    page = serializers.CharField(source="url", read_only=True)

    class Meta:
        model = Attachment
        fields = ["id", "name", "size", "sha256", "media_type", "page"]
        read_only_fields = fields


class CommentSerializer(serializers.ModelSerializer[Comment]):
    """A comment; a deleted one keeps its place without words and files."""

    author = serializers.SerializerMethodField()
    body = serializers.SerializerMethodField()
    deleted = serializers.SerializerMethodField()
    files = serializers.SerializerMethodField()

    class Meta:
        model = Comment
        fields = [
            *("id", "author", "body", "internal", "version", "files"),
            *("created_at", "edited_at", "deleted"),
        ]
        read_only_fields = fields

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_author(self, comment: Comment) -> str | None:
        """Return the author's name; null for somebody who left."""
        return comment.author.name if comment.author else None

    @extend_schema_field(serializers.CharField())
    def get_body(self, comment: Comment) -> str:
        """Return the markdown as it was written."""
        return "" if comment.deleted_at else comment.body

    @extend_schema_field(serializers.BooleanField())
    def get_deleted(self, comment: Comment) -> bool:
        """Say whether it was deleted."""
        return comment.deleted_at is not None

    @extend_schema_field(FileSerializer(many=True))
    def get_files(self, comment: Comment) -> list[dict[str, object]]:
        """Return the files' names and sizes."""
        files = [] if comment.deleted_at else list(comment.attachments.all())
        return [dict(FileSerializer(file).data) for file in files]


@extend_schema_serializer(component_name="NewComment")
class NewCommentSerializer(serializers.Serializer[Comment]):
    """A comment to be added. Who reads it is said each time: an internal note is for the data team only."""

    body = serializers.CharField(max_length=20_000)
    internal = serializers.BooleanField()
