"""The tables, their column types, the triggers that keep the past, and the migrations."""
