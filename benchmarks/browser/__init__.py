"""Operations with faults in between, and how fast the browser pool recovers."""
