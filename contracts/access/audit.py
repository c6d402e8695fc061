"""One line of the audit log: who did what, when, and from where."""

from typing import Annotated

from pydantic import Field

from contracts.base import Model, Timestamp
from contracts.ids import TenantId

Text = Annotated[str, Field(max_length=300)]


class AuditEntry(Model):
    """A request that changed something, or used a right of administrators. It has no body and no secret."""

    at: Timestamp
    tenant: TenantId
    key: Text
    operation: Text
    resource: Text | None = None
    status: Annotated[int, Field(ge=100, le=599)]
    address: Text | None = None
    request_id: Text
