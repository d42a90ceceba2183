"""Backup, restore, transfer between engines, export, and retention."""
