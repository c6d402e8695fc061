"""The response of `/v1/audit`."""

from typing import Annotated

from pydantic import Field

from contracts.base import Model, Timestamp


class AuditView(Model):
    """One request that changed something, or used a right of administrators."""

    at: Annotated[
        Timestamp, Field(description="When it was answered.", examples=["2026-01-31T12:00:00Z"])
    ]
    tenant: Annotated[str, Field(description="The tenant of the key.", examples=["default"])]
    key: Annotated[
        str,
        Field(
            description="The id of the API key, or `oidc:` and the subject of a token.",
            examples=["key_0192f0c1a5b37c8e9d1f2a3b4c5d6e7f"],
        ),
    ]
    operation: Annotated[
        str,
        Field(description="The name of the operation in this document.", examples=["create_batch"]),
    ]
    resource: Annotated[
        str | None,
        Field(
            description="The id that was created or named. Null: none.",
            examples=["batch_0192f0c1a5b37c8e9d1f2a3b4c5d6e7f"],
        ),
    ] = None
    status: Annotated[int, Field(description="The status of the answer.", examples=[202])]
    address: Annotated[
        str | None,
        Field(description="The address that sent the request.", examples=["192.0.2.17"]),
    ] = None
    request_id: Annotated[
        str,
        Field(
            description="The id under which the service logged the request.",
            examples=["0192f0c1a5b37c8e9d1f2a3b4c5d6e7f"],
        ),
    ]
