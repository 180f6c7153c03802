"""What an assistant may do: look into the catalog, run jobs and follow them, prepare a question."""

import hashlib
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Annotated, Any, Literal, ParamSpec
from urllib.parse import urlencode
from uuid import uuid4

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import Field

from portal.mcp.desk import Away, Desk, Refused

P = ParamSpec("P")
Result = dict[str, Any]
READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
RUNS = ToolAnnotations(
    read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=False
)
Words = Annotated[str, Field(max_length=300, description="Words to look for; each must be found.")]
Most = Annotated[int, Field(ge=1, le=50, description="At most so many.")]
Key = Annotated[str, Field(max_length=200, description="The key, as the lists name it.")]
RunId = Annotated[str, Field(max_length=36, description="A run's id or its number.")]


def _told(tool: Callable[P, Awaitable[Result]]) -> Callable[P, Awaitable[Result]]:
    """Turn refusals into errors that the assistant reads, instead of a crash without words."""

    @wraps(tool)
    async def call(*args: P.args, **kwargs: P.kwargs) -> Result:
        try:
            return await tool(*args, **kwargs)
        except Refused as error:
            raise ToolError(str(error)) from error
        except Away as error:
            message = "Data Desk does not answer just now. Try again in a moment."
            raise ToolError(message) from error

    return call


def register(server: MCPServer, desk: Desk) -> None:
    """Give the server its tools."""
    _register_catalog(server, desk)
    _register_jobs(server, desk)
    _register_questions(server, desk)


def _register_catalog(server: MCPServer, desk: Desk) -> None:
    @server.tool(title="Search the catalog", annotations=READS)
    @_told
    async def search_catalog(
        words: Words, kind: Literal["dataset", "metric"] = "dataset", most: Most = 10
    ) -> Result:
        """Find datasets or metrics by words in English or Korean; column names count too."""
        found: Result = await desk.get(f"{kind}s", q=words, limit=most)
        return found

    @server.tool(title="Read a dataset", annotations=READS)
    @_told
    async def read_dataset(key: Key) -> Result:
        """Read a dataset: description, owner, columns with types, freshness, lineage, checks."""
        found: Result = await desk.get("datasets", key)
        return found

    @server.tool(title="Read a metric", annotations=READS)
    @_told
    async def read_metric(
        key: Key,
        grain: Literal["day", "week", "month"] | None = None,
        starts_from: Annotated[str, Field(description="First day of the points, as 2026-01-31.")] = "",
        most: Most = 31,
    ) -> Result:
        """Read a metric: definition, target, headline figure; with a grain also its points, oldest first.

        Without a first day these are the newest ones.
        """
        found: Result = await desk.get("metrics", key)
        if grain:
            order = "oldest" if starts_from else "newest"
            points = await desk.get(
                "metrics", key, "points", grain=grain, from_=starts_from, order=order, limit=most
            )
            found["points"] = sorted(points["results"], key=lambda point: point["starts_on"])
        return found


def _register_jobs(server: MCPServer, desk: Desk) -> None:
    @server.tool(title="List jobs", annotations=READS)
    @_told
    async def list_jobs(words: Annotated[str, Field(max_length=100)] = "", most: Most = 20) -> Result:
        """List the jobs that may be seen, with the state of their last run."""
        found: Result = await desk.get("jobs", q=words, limit=most)
        return found

    @server.tool(title="Run a job", annotations=RUNS)
    @_told
    async def run_job(
        key: Key,
        parameters: Annotated[
            dict[str, Any] | None, Field(description="As the job's parameter schema asks.")
        ] = None,
        once: Annotated[
            str,
            Field(max_length=200, description="A word of your own: repeated, it names the same run."),
        ] = "",
    ) -> Result:
        """Start a job that the token may run; answers with the run to follow."""
        # The word may be in any language; a header takes only ASCII.
        word = hashlib.sha256(once.encode()).hexdigest() if once else uuid4()
        body = {"params": parameters or {}}
        run: Result = await desk.post("jobs", key, "runs", body=body, key=f"mcp:{word}")
        return run | {"page": desk.page(f"/runs/{run['number']}/")}

    @server.tool(title="Follow a run", annotations=READS)
    @_told
    async def follow_run(
        run_id: RunId,
        wait: Annotated[int, Field(ge=0, le=20, description="Seconds to wait for its end.")] = 0,
    ) -> Result:
        """Read how far a run is, what it brought or why it failed."""
        run: Result = await desk.get("runs", run_id, wait=wait or None)
        return run

    @server.tool(title="Read a run's log", annotations=READS)
    @_told
    async def read_log(
        run_id: RunId,
        after: Annotated[int, Field(ge=0, description="Only lines behind this number.")] = 0,
        most: Annotated[int, Field(ge=1, le=1000)] = 200,
    ) -> Result:
        """Read a run's log, the oldest line first; «next_after» continues it."""
        lines: Result = await desk.get("runs", run_id, "log", after=after, limit=most)
        return lines


def _register_questions(server: MCPServer, desk: Desk) -> None:
    @server.tool(title="Find questions", annotations=READS)
    @_told
    async def find_questions(words: Words, most: Most = 10) -> Result:
        """Find what others asked the data team already, answered or not."""
        found: Result = await desk.get("questions", q=words, limit=most)
        return found

    @server.tool(title="Draft a question", annotations=READS)
    @_told
    async def draft_question(
        title: Annotated[str, Field(min_length=3, max_length=200, description="The question in a sentence.")],
        about: Annotated[
            list[str] | None,
            Field(max_length=10, description="What it is about, as dataset:ops.flights or metric:ops.rate."),
        ] = None,
    ) -> Result:
        """Prepare a question to the data team: a person opens the address, completes and sends it."""
        query = urlencode([("title", title), *(("about", each) for each in about or [])])
        return {"open": desk.page(f"/requests/ask/?{query}"), "sent": False}
