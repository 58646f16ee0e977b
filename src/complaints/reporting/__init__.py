"""Parts of self-contained HTML pages and figures that several stages share."""
