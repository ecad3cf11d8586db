"""Discovery questions, buyer personas and the buyer's process: the catalogues a meeting draws on."""
