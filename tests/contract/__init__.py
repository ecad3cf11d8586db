"""The contract: what the OpenAPI documents promise is what the services do."""
