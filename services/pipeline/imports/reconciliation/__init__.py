"""What an import adds up to, against what its source says, and the records that differ."""
