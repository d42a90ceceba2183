"""The command line: run, demo, doctor, status and all the rest."""
