"""One module for each group of tables: functions that take a connection and never commit.

They return frozen values, never SQLAlchemy rows, and change a state only through
:func:`stonechat.core.transitions.check_transition`, which appends the change to ``state_history``.

::

    async with database.begin("content.approve") as connection:
        piece = await content.find(connection, content_id, lock=True)
        await content.change(connection, piece, ContentState.QUEUED, now=clock.now(), who="owner", why="")
"""
