"""Command `complaints promote`: an alias of a registered model moves to a version that is not worse than its holder."""
