"""A campaign in words, pictures and pages."""
