"""Label names, and personally identifiable information (PII) in texts."""
