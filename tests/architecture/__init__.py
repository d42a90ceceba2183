"""What the source must look like: rules that no type checker or linter knows."""
