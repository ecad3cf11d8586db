"""What can be refused about a webhook."""

from __future__ import annotations

from services.kit.errors import ConflictError, NotFoundError


class WebhookNotFoundError(NotFoundError):
    """404."""

    def __init__(self, reference: object) -> None:
        super().__init__("webhook", reference)


class TooManyWebhooksError(ConflictError):
    """409: the workspace has as many as it may."""

    code = "too_many_webhooks"

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"A workspace may have {limit} webhooks (LEADLINE_WEBHOOKS_MAX); delete one first."
        )


class WebhookDisabledError(ConflictError):
    """409: nothing is sent to it, so there is nothing to send again."""

    code = "webhook_disabled"

    def __init__(self) -> None:
        super().__init__('The webhook is disabled; PATCH it to {"state": "active"} first.')
