"""Bluesky, and any personal data server of its protocol, through the official API."""
