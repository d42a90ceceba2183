"""Backup, restore, transfer between engines, export, and retention: what is done to a whole database.

::

    report = await back_up(database, clock, path)            # while work goes on; read back before it counts
    report = await restore(database, clock, path, replace=True, keep_in=folder)
    pruned = await Retention(database, clock, settings.retention, maturity=maturity).prune()

All of them speak ``row_codec``: one line of JSON for a row, the same on either engine.
"""
