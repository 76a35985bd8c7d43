"""A laboratory in the loop: worklists out, results in."""
