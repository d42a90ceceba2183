"""Mastodon, and servers that speak as it does (GoToSocial, Pleroma, Akkoma), through their official API."""
