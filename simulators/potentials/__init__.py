"""Potential energy surfaces that are no OpenMM force: machine-learned ones, dispersion, and your own."""
