"""The change feed: everything that moved a figure, in the one order there is, for ever."""
