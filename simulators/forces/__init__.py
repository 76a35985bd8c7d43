"""What acts on the atoms of a box: species parameters, the classical force field, and the seam to other forces."""
