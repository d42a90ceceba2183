"""One repository for each group of tables. Each takes a connection and never commits."""
