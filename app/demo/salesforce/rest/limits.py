"""The daily API request limit: a rolling 24 hours, counted as Salesforce counts.

One for each authenticated request; a composite, a collection and a page of a query are one each; OAuth is none.
"""

from __future__ import annotations

from typing import Any

from app.demo.salesforce.errors import limit_exceeded
from app.demo.salesforce.org import Org
from app.demo.salesforce.rest.message import Request, Response

_WINDOW_S = 24 * 3600
_BUCKET_S = 3600


class ApiUsage:
    """Calls of one org in the last 24 hours of the demo clock, in buckets of an hour."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self.maximum = org.settings.api_limit
        org.database.run(
            "CREATE TABLE IF NOT EXISTS api_usage (org TEXT, hour INTEGER, calls INTEGER, PRIMARY KEY (org, hour))"
        )

    @property
    def used(self) -> int:
        """Calls in the last 24 hours."""
        row = self._org.database.row(
            "SELECT COALESCE(SUM(calls), 0) FROM api_usage WHERE org = ? AND hour > ?",
            (self._org.org_id, self._hour() - _WINDOW_S // _BUCKET_S),
        )
        assert row is not None
        return int(row[0])

    @property
    def header(self) -> str:
        """The value of ``Sforce-Limit-Info``."""
        return f"api-usage={self.used}/{self.maximum}"

    def count(self) -> None:
        """One more call. Raises ApiError when none is left."""
        if self.used >= self.maximum:
            raise limit_exceeded()
        self._org.database.run(
            "INSERT INTO api_usage VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET calls = calls + 1",
            (self._org.org_id, self._hour()),
        )

    def set(self, used: int | None, maximum: int | None) -> None:
        """Pretend that so many calls were made this hour, out of so many."""
        if maximum is not None:
            self.maximum = maximum
        if used is not None:
            self._org.database.run("DELETE FROM api_usage WHERE org = ?", (self._org.org_id,))
            self._org.database.run("INSERT INTO api_usage VALUES (?, ?, ?)", (self._org.org_id, self._hour(), used))

    def _hour(self) -> int:
        return int(self._org.now().timestamp()) // _BUCKET_S


def limits(request: Request, usage: ApiUsage) -> Response:
    """GET limits. The storage figures are those of this world: a megabyte is 1,048,576 bytes."""
    files = request.org.database.row(
        f"SELECT COALESCE(SUM(ContentSize), 0) FROM {request.org.tables.table('ContentVersion')} WHERE IsDeleted = 0"
    )
    file_megabytes = int(files[0]) // 2**20 if files else 0
    body: dict[str, Any] = {
        "DailyApiRequests": _limit(usage.maximum, usage.maximum - usage.used),
        "FileStorageMB": _limit(20_480, 20_480 - file_megabytes),
    }
    return Response(body=body)


def _limit(maximum: int, remaining: int) -> dict[str, int]:
    return {"Max": maximum, "Remaining": max(0, remaining)}
