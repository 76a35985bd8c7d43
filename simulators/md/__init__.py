"""Molecular dynamics: packing, stages, replicas, and when they are long enough or went wrong."""
