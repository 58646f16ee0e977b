"""Command `complaints predict`: labels of new texts, by any model of the scoreboard or a checkpoint's folder."""
