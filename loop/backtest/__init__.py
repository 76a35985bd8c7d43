"""Campaigns replayed on liquids whose conductivities are known."""
