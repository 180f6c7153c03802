"""Sources outside the house: each is copied into one file of the run's folder, then read as a file is."""
