"""Named rules over the pipeline, the findings that stand, and the Required 7."""
