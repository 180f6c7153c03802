"""Spare the wire: an object that did not change is not sent again."""

import hashlib
import json
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.utils.http import parse_etags, quote_etag
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response


def respond(request: Request, data: Any) -> Response:
    """Answer a GET of one object with its ETag; 304 without a body when If-None-Match names it.

    The tag is made from what would be sent, so it changes exactly when the reader would see a change.
    """
    packed = json.dumps(data, cls=DjangoJSONEncoder, sort_keys=True, default=str).encode()
    etag = quote_etag(hashlib.sha256(packed).hexdigest()[:32])
    known = parse_etags(request.headers.get("If-None-Match", ""))
    if "*" in known or etag in {tag.removeprefix("W/") for tag in known}:
        return Response(status=status.HTTP_304_NOT_MODIFIED, headers={"ETag": etag})
    return Response(data, headers={"ETag": etag})
