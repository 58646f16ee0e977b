"""Label names and personal data in texts."""
