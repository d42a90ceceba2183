"""From a writing task to reviewed drafts: prompt, model, fallback models, optional judge, ranking."""
