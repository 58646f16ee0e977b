"""A reproducible pipeline that classifies consumer complaints by issue."""
