"""What every layer shares: values, legal state changes, time, errors, events and ports. No I/O.

It promises that these mean the same everywhere: ``model`` (frozen values), ``states`` and ``transitions``
(which state changes are legal), ``clock`` (account time and real time), ``errors`` (named by what the caller
does about them), ``events`` (the one stream that logs, meters, alerts and pages read), ``ids`` (stable and
fresh identifiers), ``network`` and ``ports`` (interfaces to the outside world). It imports nothing of ours.

::

    from stonechat.core.errors import Transient
    from stonechat.core.events import MetricsRead

    events.emit(MetricsRead(account_id=account.id, posts=12, source="wire"))
    raise Transient("The page did not load.", meaning="Nothing was read.", remedy="It is tried again.")
"""
