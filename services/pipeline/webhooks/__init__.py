"""Webhooks: the change feed and the figures, sent to whoever subscribed."""
