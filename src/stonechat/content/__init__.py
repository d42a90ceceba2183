"""Layer 3: plans, writes and reviews what an account says, within a budget and with a reserve.

It promises that nothing is queued without passing the review, that no model call is made whose worst
cost would pass a budget, and that a text that was paid for is not lost (it is spooled to disk before
anything is done with it). Wings: ``slots`` (when content is due), ``writing`` (from a task to reviewed
drafts), ``review`` (pure checks). Others use ``jobs``, ``approval`` (an owner's decisions) and
``content_store``.

::

    declared = content_jobs(planner, replier)     # content.plan, content.check_queue, content.replies
    verdict = review(Draft(ContentKind.SINGLE, (text,)), bounds)
    verdict.passed or print(verdict.step, verdict.why)
"""
