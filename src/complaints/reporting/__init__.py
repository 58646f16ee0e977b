"""Self-contained HTML pages, and figures in one style, for the stages that report to people."""
