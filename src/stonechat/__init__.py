"""Stonechat: a social account that runs itself, and says at once when it cannot."""

__version__ = "0.1.0"
