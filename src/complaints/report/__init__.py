"""Stage report: one page and one memo for the person who decides, from the tables of the other stages."""
