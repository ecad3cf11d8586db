"""What a stage needs before it may be left: criteria, checklists, findings, stage dates."""
