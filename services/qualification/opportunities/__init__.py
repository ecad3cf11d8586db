"""What qualification knows of pipeline's records: read from what pipeline publishes, never written."""
