"""The REST API as the tools see it: JSON in and out, refusals as one sentence."""

import hashlib
import time
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, Final
from urllib.parse import quote, urlsplit

import httpx

# The API answers a waiting call after 20 s at the latest.
TIMEOUT: Final = httpx.Timeout(30.0, connect=5.0)
# So long a token counts as looked at; each tool's own call is judged anew.
KNOWN_SECONDS: Final = 30.0
MOST_KNOWN: Final = 1_000
PREFIX: Final = "ddesk_"

# Whose call is being answered.
token: ContextVar[str] = ContextVar("token")


class Refused(Exception):
    """The API said no; the message is its own reason."""


class Away(Exception):
    """The API does not answer."""


class Desk:
    """The portal at an address inside; ``public`` is how people reach it."""

    def __init__(self, inside: str, public: str) -> None:
        self._public = public.rstrip("/")
        parts = urlsplit(public)
        # Addressed by its public name, or its own protection would turn the call away.
        headers = {"Host": parts.netloc, "X-Forwarded-Proto": parts.scheme, "Accept": "application/json"}
        self._client = httpx.AsyncClient(base_url=inside, headers=headers, timeout=TIMEOUT)
        self._known: dict[bytes, float] = {}

    async def opens(self, secret: str) -> bool:
        """Say whether a token is live; raises Away."""
        if not secret.startswith(PREFIX) or not secret.isascii() or len(secret) > 100:
            return False
        digest, now = hashlib.sha256(secret.encode()).digest(), time.monotonic()
        if self._known.get(digest, 0.0) > now:
            return True
        # What its scopes do not open is a 403: the token itself is good.
        answer = await self._send("GET", "/api/v1/jobs", secret, params={"limit": "1"})
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            return False
        if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise Away
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[digest] = now + KNOWN_SECONDS
        return True

    async def get(self, *path: str, **params: object) -> Any:
        """Read from an address below /api/v1/; parameters that are None or empty are left out."""
        given = {name.rstrip("_"): str(value) for name, value in params.items() if value not in (None, "")}
        return self._read(await self._send("GET", _below(path), token.get(), params=given))

    async def post(self, *path: str, body: Mapping[str, Any], key: str = "") -> Any:
        """Send to an address below /api/v1/, once where a key is given."""
        headers = {"Idempotency-Key": key} if key else {}
        return self._read(await self._send("POST", _below(path), token.get(), json=body, headers=headers))

    def page(self, path: str) -> str:
        """Return the address of a page for people."""
        return self._public + path

    async def close(self) -> None:
        """Close the connections to the API."""
        await self._client.aclose()

    async def _send(self, method: str, path: str, secret: str, **given: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {secret}", **given.pop("headers", {})}
        try:
            return await self._client.request(method, path, headers=headers, **given)
        except httpx.HTTPError as error:
            raise Away from error

    @staticmethod
    def _read(answer: httpx.Response) -> Any:
        try:
            content = answer.json()
        except ValueError:
            content = {}
        if answer.is_success:
            return content
        problem = content if isinstance(content, dict) else {}
        words = [str(problem.get(name, "")) for name in ("title", "detail")]
        words += [
            f"{each.get('field') or 'body'}: {each.get('message', '')}"
            for each in problem.get("errors") or []
            if isinstance(each, dict)
        ]
        if wait := answer.headers.get("Retry-After"):
            words.append(f"Try again in {wait} s.")
        raise Refused(" ".join(filter(None, words)) or f"The portal answered {answer.status_code}.")


def _below(path: tuple[str, ...]) -> str:
    """Join an address; what a caller gave stays one part of it, whatever signs it holds. Raises Refused."""
    if not {"", ".", ".."}.isdisjoint(path):
        # Quoting leaves dots as they are, and the client would take them for a way to another address.
        raise Refused("There is nothing here, or nothing that you may see.")
    return "/api/v1/" + "/".join(quote(part, safe="") for part in path)
