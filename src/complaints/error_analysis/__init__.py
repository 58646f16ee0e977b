"""Error analysis: confusion pairs and their causes, destinations of errors, likely wrong labels, hardest complaints."""
