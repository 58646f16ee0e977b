"""Recommendation: the row of the scoreboard for each use case, from measured costs and paired differences."""
