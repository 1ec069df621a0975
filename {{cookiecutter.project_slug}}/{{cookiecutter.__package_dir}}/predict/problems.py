"""What a caller reads when a request cannot be answered: problem documents (RFC 9457)."""

from typing import Any

from pydantic import BaseModel, Field, ValidationError

from .request_schema import Mistake, rule

PROBLEM = "application/problem+json"
TITLES = {
    400: "Bad request",
    401: "Unauthorized",
    404: "Not found",
    405: "Method not allowed",
    408: "Too slow",
    409: "Conflict",
    413: "Too large",
    422: "Invalid input",
    431: "Head too large",
    500: "Internal error",
    503: "Unavailable",
}


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str = Field(description="the request's id, as in the log")
    errors: list[Mistake] = []


class ProblemError(Exception):
    """Ends a request with a problem document."""

    def __init__(
        self, status: int, detail: str, errors: list[Mistake] | None = None, allow: str = ""
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.errors, self.allow = status, detail, errors or [], allow

    def document(self, instance: str) -> bytes:
        """Return the document for the request with that id, as JSON."""
        problem = Problem(
            title=TITLES[self.status],
            status=self.status,
            detail=self.detail,
            instance=instance,
            errors=self.errors,
        )
        return problem.model_dump_json().encode()


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe the problems that a route can end with, for the OpenAPI document."""
    content = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"description": TITLES[status], "model": Problem, "content": content}
        for status in statuses
    }


def mistakes(error: ValidationError) -> list[Mistake]:
    """Name what pydantic found in a small body, without repeating its values."""
    found: dict[str, str] = {}
    for problem in error.errors(include_url=False, include_input=False):
        field = ".".join(map(str, problem["loc"][:1])) or "body"
        # A value that may be of several types has a problem with each of them.
        found[field] = (
            "is of the wrong type" if field in found else rule(problem, "is not asked for")
        )
    return [Mistake(field=field, rule=text) for field, text in found.items()]
