"""What several benches need: a PostgreSQL of their own, a watch on processor time and memory."""
