"""The pages, the JSON API and the health server."""

from stonechat.dashboard.app import create_app
from stonechat.dashboard.page_data import DashboardData
from stonechat.dashboard.server import Dashboard, open_dashboard

__all__ = ["Dashboard", "DashboardData", "create_app", "open_dashboard"]
