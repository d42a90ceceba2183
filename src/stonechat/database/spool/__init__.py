"""Files on disk that hold what could not be stored in the database yet; stored later, once each.

::

    store = SpooledStore(database, spool, "snapshots", Snapshot, metrics.append)
    await store.keep(snapshots)      # in the table, or on disk while the database is away
    await store.catch_up()           # what was kept on disk, oldest first
"""
