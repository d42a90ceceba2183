"""Layer 4: what is due passes one gate, is published once, and is looked up where the outcome is unclear.

It promises that nothing is clicked without the gate's :class:`~stonechat.posting.gate.Go`, that a commit
stands on either side of the click, and that a post whose outcome nobody knows is looked up and never simply
sent again. ``gate`` decides and is pure, ``gate_input`` reads what it asks; ``publisher`` acts,
``receipts`` writes down what came of it, ``reconciler`` settles what is unknown. Others use ``jobs``,
``queue`` (how the queue looks to a human), ``owner_decisions`` and ``attachments`` (through the owner's
room).

::

    decision = decide(content, account, seen)          # Go, Hold, Late, Never or Ask, with the reason
    result = await publisher.publish(account, content.id)     # asks the gate again, with the row locked
    rows = await queue_rows(database, rules, text_rules, clock)   # each judged by the same gate
    rows[0].held, rows[0].next_action, rows[0].next_at
"""
