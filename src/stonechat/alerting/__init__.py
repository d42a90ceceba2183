"""Rules, incidents and delivery: a cascade is one message that names its cause."""

from stonechat.alerting.engine import Alerting, open_alerting

__all__ = ["Alerting", "open_alerting"]
