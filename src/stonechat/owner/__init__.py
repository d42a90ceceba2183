"""What the owner does: one function an action, each one transaction with its audit line.

The command line, the pages and the JSON API all call these functions, and so cannot differ::

    owner = Owner(database, clock, "robin", Door.COMMAND_LINE)
    done = await queue.approve(owner, "3f2a")
    print(done.said)          # the same sentence at every door
    print(done.line.before)   # what the audit trail keeps

Modules: ``queue`` ``editing`` ``moving`` ``pictures`` ``submission`` ``reserve`` (content), ``authors``
(people who are left alone), ``posting`` ``jobs`` ``breakers`` ``alerts`` ``log_in`` ``tokens`` (the system).
An action raises ``NotFound``, ``Conflict`` or ``InvalidInput`` where it cannot be done; then nothing was
changed and nothing was written.
"""

from stonechat.owner.action import Done, Door, Owner

__all__ = ["Done", "Door", "Owner"]
