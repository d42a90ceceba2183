"""From a writing task to reviewed drafts: prompts, model, fallbacks, ranking."""
