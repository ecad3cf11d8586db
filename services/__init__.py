"""Leadline's services: qualification, pipeline and forecast over one shared kernel and plumbing."""
