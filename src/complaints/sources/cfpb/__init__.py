"""The CFPB's published files: complaints and narratives, joined on the complaint id."""
