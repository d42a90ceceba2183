"""Pages and the JSON API that show the owner what is so."""
