"""Layer 9: posts worth a reply and authors worth watching, in a pool that neither dries up nor swells."""
