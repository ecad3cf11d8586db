"""The sales operation itself: its six components, scheduled reviews and their snapshots."""
